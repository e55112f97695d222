//! `opkssh agent start --socket PATH`: agents beside the user's own, as `ssh-agent -a PATH`.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use opkssh_test_support::{Home, Output, wait_until};

use crate::agent::sockets::other_users::is_root;
use crate::setup::{OPKSSH, agent_socket, daemon_pid};

/// A separate agent in the home's runtime directory, with a key of its own.
struct Separate<'a> {
    home: &'a Home,
    socket: PathBuf,
}

impl<'a> Separate<'a> {
    fn start(home: &'a Home, name: &str, options: &[&str]) -> Self {
        let socket = home.runtime_dir().join(name);
        let start = home.opkssh(["agent", "start", "--socket"]).arg(&socket);
        start.args(options).run().stdout();
        Self { home, socket }
    }

    fn agent(&self, words: &[&str]) -> Output {
        let agent = self.home.opkssh(["agent"]).args(words);
        agent.arg("--socket").arg(&self.socket).run()
    }

    fn ssh_add(&self, words: &[&str]) -> Output {
        let ssh_add = self.home.command("ssh-add").args(words);
        ssh_add.env("SSH_AUTH_SOCK", &self.socket).run()
    }

    /// Adds a new key of this name.
    fn add_key(&self, name: &str) {
        let file = self.home.dir().join(name);
        let keygen = self.home.command("ssh-keygen");
        let words = ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"];
        keygen.args(words).arg(&file).run().stdout();
        let added = self.ssh_add(&[&file.to_string_lossy()]);
        assert!(added.success(), "{}", added.stderr());
    }

    /// The comments of the keys that it lists.
    fn keys(&self) -> Vec<String> {
        let list = self.ssh_add(&["-L"]);
        let list = if list.success() {
            list.stdout()
        } else {
            String::new()
        };
        let comments = list.lines().filter_map(|line| line.split(' ').nth(2));
        comments.map(str::to_owned).collect()
    }

    fn is_gone(&self) -> bool {
        !self.socket.exists() && !self.control().exists()
    }

    fn control(&self) -> PathBuf {
        PathBuf::from(format!("{}.control", self.socket.display()))
    }
}

impl Drop for Separate<'_> {
    fn drop(&mut self) {
        let _ = self.agent(&["stop"]);
    }
}

/// Every file below `directory`, with what regular ones contain.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(contents(&path));
        }
        found.insert(path.clone(), fs::read(path).unwrap_or_default());
    }
    found
}

#[test]
fn separate_agents_run_beside_the_user_s_own_and_write_nothing() {
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start", "--store", "memory"])
        .run()
        .stdout();
    let own = daemon_pid(&home);
    let state = home.dir().join(".local/state");
    let files = || {
        (
            contents(&state),
            contents(&home.runtime_dir().join("opkssh")),
        )
    };
    let before = files();

    let one = Separate::start(&home, "one", &[]);
    let two = Separate::start(&home, "two", &[]);
    one.add_key("k1");
    two.add_key("k2");
    assert_eq!(
        (one.keys(), two.keys()),
        (vec!["k1".into()], vec!["k2".into()])
    );
    let user_s = home.command("ssh-add").arg("-l");
    let listed = user_s.env("SSH_AUTH_SOCK", agent_socket(&home)).run();
    assert_eq!(listed.any_stdout(), "The agent has no identities.\n");
    for socket in [&one.socket, &one.control()] {
        let mode = socket.symlink_metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", socket.display());
    }

    assert_eq!(
        one.agent(&["stop"]).stdout(),
        "The agent has stopped.\n1 key from ssh-add is gone: add it again\n"
    );
    assert!(one.is_gone());
    assert_eq!(one.agent(&["stop"]).stdout(), "The agent is not running.\n");
    assert_eq!(two.keys(), ["k2"]);
    two.agent(&["stop"]).stdout();
    assert_eq!(daemon_pid(&home), own);
    assert!(files() == before, "{:?}", files().0.keys());
}

#[test]
fn it_starts_without_the_user_s_own_agent_and_makes_no_directory() {
    let home = Home::new(OPKSSH);
    let it = Separate::start(&home, "it", &[]);
    let status = home
        .opkssh(["status", "--json", "--socket"])
        .arg(&it.socket);
    let status: serde_json::Value = serde_json::from_str(&status.run().stdout()).unwrap();
    assert_eq!(status["agent"]["store"], "memory");
    assert_eq!(
        status["agent"]["agent_socket"],
        it.socket.display().to_string()
    );
    it.agent(&["stop"]).stdout();
    assert!(!home.dir().join(".local/state/opkssh").exists());
    assert!(!home.runtime_dir().join("opkssh").exists());
}

#[test]
fn the_shell_gets_the_variables_and_loses_them_as_with_ssh_agent() {
    let home = Home::new(OPKSSH);
    let socket = home.runtime_dir().join("s");
    let theirs = home.runtime_dir().join("theirs");
    let pid = |said: &str| {
        let (_, rest) = said.split_once("Agent pid ").unwrap();
        let digits = rest.chars().take_while(char::is_ascii_digit);
        digits.collect::<String>()
    };
    for shell in ["-s", "-c"] {
        let start = home.opkssh(["agent", "start", shell, "--socket"]);
        let ours = start.arg(&socket).run().stdout();
        let start = home.command("ssh-agent").args([shell, "-a"]);
        let other = start.arg(&theirs).run().stdout();
        let same = |ours: &str, other: &str, pids: (&str, &str)| {
            let ours = ours.replace(pids.0, pids.1);
            assert_eq!(
                ours.replace(&*socket.to_string_lossy(), &theirs.to_string_lossy()),
                other
            );
        };
        let (our_pid, other_pid) = (pid(&ours), pid(&other));
        same(&ours, &other, (&our_pid, &other_pid));
        let stop = home.opkssh(["agent", "stop", shell, "--socket"]);
        let ours = stop.arg(&socket).run().stdout();
        let stop = home.command("ssh-agent").args([shell, "-k"]);
        let other = stop.env("SSH_AGENT_PID", &other_pid).run().stdout();
        same(&ours, &other, (&our_pid, &other_pid));
    }
    let it = Separate::start(&home, "s", &[]);
    let said = it.agent(&["stop", "--fish"]).stdout();
    assert!(
        said.starts_with("set -e SSH_AUTH_SOCK;\nset -e SSH_AGENT_PID;\necho "),
        "{said}"
    );
}

/// OpenSSH's regress tests start our agent by it (`scripts/openssh-regress`).
#[test]
fn the_shim_has_the_command_line_of_ssh_agent() {
    let home = Home::new(OPKSSH);
    let shim = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/ssh-agent-shim");
    home.set("OPKSSH", OPKSSH);
    let session = |agent: &str, options: &str| {
        let script = format!(
            "eval \"$('{agent}' {options} -s)\" && kill -0 $SSH_AGENT_PID && ssh-add -l; echo $?; \
             eval \"$('{agent}' -k)\" && echo ${{SSH_AUTH_SOCK-none}} ${{SSH_AGENT_PID-none}}; \
             '{agent}' -t 5 sh -c 'ssh-add -l; exit 3'; echo $?"
        );
        let said = home.command("sh").args(["-c", &script]).run().stdout();
        let lines = said.lines().filter(|line| !line.starts_with("Agent pid "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for options in ["", "-a s", "-t 10"] {
        let theirs = session("ssh-agent", options);
        assert_eq!(session(shim, options), theirs, "{options}");
    }
    wait_until("their directories are gone", || {
        let left = fs::read_dir(home.runtime_dir().join("opkssh"));
        (left.unwrap().count() == 0).then_some(())
    });
}

#[test]
fn a_second_start_finds_the_first_and_a_restart_keeps_the_settings() {
    let home = Home::new(OPKSSH);
    let it = Separate::start(&home, "s", &["--lifetime", "1h"]);
    let start = |options: &[&str]| it.agent(&[&["start", "-s"], options].concat());
    let first = start(&[]).stdout();
    assert_eq!(start(&["--lifetime", "1h"]).stdout(), first);
    let refused = start(&["--lifetime", "2h"]).refused();
    let socket = it.socket.display();
    let hint = format!(
        "use it as it is: opkssh agent start --socket {socket}; or restart it: opkssh agent restart \
         --socket {socket}"
    );
    assert!(refused.contains(&hint), "{refused}");
    it.add_key("k");
    let said = it.agent(&["restart"]).stdout();
    assert!(said.contains("1 key from ssh-add is gone"), "{said}");
    assert_ne!(start(&["--lifetime", "1h"]).stdout(), first);
    assert_eq!(it.keys(), [""; 0]);
}

#[test]
fn keys_live_as_long_as_its_lifetime_says() {
    let home = Home::new(OPKSSH);
    let it = Separate::start(&home, "s", &["--lifetime", "2s"]);
    it.add_key("k");
    wait_until("the key's end", || it.keys().is_empty().then_some(()));
}

#[test]
fn its_lock_is_its_own() {
    let home = Home::new(OPKSSH);
    let (one, two) = (
        Separate::start(&home, "one", &[]),
        Separate::start(&home, "two", &[]),
    );
    one.add_key("k1");
    two.add_key("k2");
    let password = |words: [&str; 2]| {
        let agent = home.opkssh(["agent"]).args(words).arg(&one.socket);
        agent.stdin("secret\n").run()
    };
    let said = password(["lock", "--socket"]).stdout();
    let unlock = format!("opkssh agent unlock --socket {}\n", one.socket.display());
    assert!(said.ends_with(&unlock), "{said}");
    assert_eq!(
        (one.keys(), two.keys()),
        (Vec::new(), vec!["k2".to_owned()])
    );
    assert!(!home.dir().join(".local/state/opkssh").exists());
    let unlocking = home.opkssh(["agent", "unlock", "--socket"]);
    let wrong = unlocking.arg(&one.socket).stdin("wrong\n").run().refused();
    assert!(
        wrong.ends_with(&format!("hint: try again: {unlock}")),
        "{wrong}"
    );
    password(["unlock", "--socket"]).stdout();
    assert_eq!(one.keys(), ["k1"]);
}

#[test]
fn commands_that_are_shown_are_about_this_agent() {
    let home = Home::new(OPKSSH);
    let it = Separate::start(&home, "it", &[]);
    it.add_key("k");
    let lock = home.opkssh(["agent", "lock", "--socket"]).arg(&it.socket);
    lock.stdin("secret\n").run().stdout();
    let unlock = format!("opkssh agent unlock --socket {}\n", it.socket.display());
    let status = |words: &[&str]| {
        let status = home.opkssh(["status", "--socket"]).arg(&it.socket);
        status.args(words).run().any_stdout()
    };
    for words in [&[][..], &["--host", "web"]] {
        let page = status(words);
        assert!(page.contains(&format!("unlock it: {unlock}")), "{page}");
        assert!(!page.contains("--store"), "{page}");
    }
}

#[test]
fn the_path_of_the_user_s_own_socket_means_the_user_s_own_agent() {
    let home = Home::new(OPKSSH);
    let socket = agent_socket(&home);
    let agent = |words: &[&str]| home.opkssh(["agent"]).args(words).run().stdout();
    let at_own = |word: &str| {
        let agent = home.opkssh(["agent", word, "--socket"]);
        agent.arg(&socket).run().stdout()
    };
    let store = || {
        let status = home.opkssh(["status", "--json"]).run().stdout();
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        status["agent"]["store_wish"].as_str().unwrap().to_owned()
    };
    at_own("start");
    assert_eq!(store(), "auto");
    agent(&["stop"]);
    agent(&["start", "--store", "file"]);
    at_own("restart");
    assert_eq!(store(), "file");
    at_own("stop");
    assert_eq!(agent(&["stop"]), "The agent is not running.\n");
}

#[test]
fn it_has_no_upstream_agent() {
    let home = Home::new(OPKSSH);
    let upstream = Separate::start(&home, "upstream", &[]);
    upstream.add_key("k");
    home.write(".opk/config.yml", "agent: {upstream: [$SSH_AUTH_SOCK]}\n");
    home.set("SSH_AUTH_SOCK", &upstream.socket);
    let it = Separate::start(&home, "it", &[]);
    assert_eq!(it.keys(), [""; 0]);
}

#[test]
fn a_dead_socket_is_replaced_and_nothing_else_is() {
    let home = Home::new(OPKSSH);
    let it = Separate {
        home: &home,
        socket: home.runtime_dir().join("s"),
    };
    drop(UnixListener::bind(&it.socket).unwrap());
    it.agent(&["start"]).stdout();
    it.agent(&["stop"]).stdout();

    let hint = "hint: name another path, in a directory of your own: --socket PATH\n";
    let refused = |why: &str| {
        for command in ["start", "run"] {
            let said = it.agent(&[command]).refused();
            assert!(said.contains(why) && said.ends_with(hint), "{said}");
        }
    };
    let in_use = UnixListener::bind(&it.socket).unwrap();
    refused("/s is in use by another program\n");
    drop(in_use);
    fs::remove_file(&it.socket).unwrap();
    fs::write(&it.socket, "precious").unwrap();
    refused("/s is not a socket of yours\n");
    assert_eq!(fs::read_to_string(&it.socket).unwrap(), "precious");
}

/// Starts a separate agent in `directory`, which must be refused for this reason.
fn is_refused_in(home: &Home, directory: &Path, why: &str) {
    let start = home.opkssh(["agent", "start", "--socket"]);
    let said = start.arg(directory.join("s")).run().refused();
    let what = format!("Error: cannot listen in {}: {why}\n", directory.display());
    assert!(said.starts_with(&what), "{said}");
}

#[test]
fn a_directory_in_which_others_could_replace_the_socket_is_refused() {
    let home = Home::new(OPKSSH);
    let directory = home.dir().join("d");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
    is_refused_in(&home, &directory, "other users can write to it");
}

#[test]
fn a_directory_of_another_user_is_refused() {
    if !is_root() {
        return;
    }
    let home = Home::new(OPKSSH);
    let directory = home.dir().join("d");
    fs::create_dir(&directory).unwrap();
    std::os::unix::fs::chown(&directory, Some(41002), None).unwrap();
    is_refused_in(&home, &directory, "it belongs to another user (uid 41002)");
}

#[test]
fn what_is_no_separate_agent_is_not_called_stopped() {
    let home = Home::new(OPKSSH);
    let theirs = home.dir().join("theirs");
    let mut agent = home
        .command("ssh-agent")
        .arg("-D")
        .arg("-a")
        .arg(&theirs)
        .start();
    agent.wait_for("SSH_AUTH_SOCK");
    let file = home.write("file", "");
    for (path, why) in [
        (&theirs, "is the socket of another program"),
        (&file, "is not a socket"),
    ] {
        for command in [&["agent", "stop"][..], &["status"], &["agent", "unlock"]] {
            let run = home.opkssh(command).arg("--socket").arg(path);
            let refused = run.run().refused();
            assert!(refused.contains(why), "{command:?}: {refused}");
        }
    }
    agent.kill();
    // by another name it is the user's own agent
    home.opkssh(["agent", "start", "--store", "memory"])
        .run()
        .stdout();
    let link = home.dir().join("link");
    std::os::unix::fs::symlink(home.runtime_dir().join("opkssh"), &link).unwrap();
    let stop = home
        .opkssh(["agent", "stop", "--socket"])
        .arg(link.join("agent.sock"));
    assert_eq!(stop.run().stdout(), "The agent has stopped.\n");
}
