//! `opkssh permissions`, beside Go's on the same files.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

use opkssh_test_support::{Etc, GoPeer, Output, Part, left_out};

use crate::agent::sockets::other_users::is_root;
use crate::setup::OPKSSH;

/// Sets up the files of one side.
type State = fn(&Etc);

/// Ours looks at the key cache of `etc`, which Go's does not have; never at the machine's.
fn run(peer: &GoPeer, ours: bool, etc: &Etc, words: &[&str], stdin: &str) -> Output {
    let (program, ca) = (Path::new(OPKSSH), Path::new("/dev/null"));
    let run = match ours {
        true => peer.server_of(program, etc, ca),
        false => peer.server(etc, ca),
    };
    let run = run.arg("permissions").args(words).stdin(stdin);
    match ours && !words.contains(&"--cache") {
        true => run.arg("--cache").arg(etc.cache_dir()).run(),
        false => run.run(),
    }
}

/// Exit status, stdout, and the first line of stderr: the second of ours is a hint.
fn outcome(output: &Output) -> (Option<i32>, String, String) {
    let stderr = output.stderr();
    let first = stderr.lines().next().unwrap_or_default();
    (output.code(), output.any_stdout(), first.to_owned())
}

/// Paths with their modes.
fn tree(directory: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        found.push((path.display().to_string(), metadata.mode()));
        if metadata.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}

fn tree_of(etc: &Etc) -> Vec<(String, u32)> {
    let root = etc.dir().display().to_string();
    tree(&etc.dir())
        .into_iter()
        .map(|(path, mode)| (path.replace(&root, ""), mode))
        .collect()
}

fn chmod(etc: &Etc, name: &str, mode: u32) {
    fs::set_permissions(etc.dir().join(name), Permissions::from_mode(mode)).unwrap();
}

fn nothing(etc: &Etc) {
    for name in ["auth_id", "providers"] {
        fs::remove_file(etc.dir().join(name)).unwrap();
    }
}

fn all_well(etc: &Etc) {
    etc.write("config.yml", "");
    fs::create_dir(etc.dir().join("policy.d")).unwrap();
    chmod(etc, "policy.d", 0o750);
}

fn wrong_modes(etc: &Etc) {
    all_well(etc);
    for (name, mode) in [
        ("auth_id", 0o644),
        ("providers", 0o600),
        ("config.yml", 0o755),
    ] {
        chmod(etc, name, mode);
    }
}

fn no_policy_directory(_etc: &Etc) {}

fn other_things_in_policy_d(etc: &Etc) {
    all_well(etc);
    for name in ["a.yaml", "README", "run.sh"] {
        fs::write(etc.dir().join("policy.d").join(name), "").unwrap();
    }
    fs::create_dir(etc.dir().join("policy.d/sub.yml")).unwrap();
}

const STATES: [State; 5] = [
    nothing,
    all_well,
    wrong_modes,
    no_policy_directory,
    other_things_in_policy_d,
];

/// Both sides in a state, the same words: the same output, exit status and files.
fn same(state: State, words: &[&str], stdin: &str, but: impl Fn(String) -> String) {
    let peer = GoPeer::new();
    let [ours, gos] = [true, false].map(|ours| {
        let etc = Etc::new();
        state(&etc);
        let (code, stdout, stderr) = outcome(&run(&peer, ours, &etc, words, stdin));
        let stdout = if ours { stdout } else { but(stdout) };
        (code, stdout, stderr, tree_of(&etc))
    });
    assert_eq!(ours, gos, "{words:?}");
}

#[test]
fn check_says_what_go_s_says() {
    if left_out(&[Part::Go]) {
        return;
    }
    for state in STATES {
        same(state, &["check"], "", |stdout| stdout);
        let peer = GoPeer::new();
        let [ours, gos] = [true, false].map(|ours| {
            let etc = Etc::new();
            state(&etc);
            run(&peer, ours, &etc, &["check", "--json"], "")
        });
        // Go's JSON has the lines of the text output in front of it
        let text = gos.any_stdout();
        assert_eq!(ours.any_stdout(), text[text.find("[\n").unwrap()..]);
        // and its exit status is 0 in any case
        let etc = Etc::new();
        state(&etc);
        assert_eq!(ours.code(), run(&peer, true, &etc, &["check"], "").code());
    }
}

/// Go leaves a new directory for plugins to root's group, who alone could read it then.
fn with_the_directory_s_group(stdout: String) -> String {
    let made = "mkdir /etc/opk/policy.d";
    let owner = "chown /etc/opk/policy.d to root:opksshuser";
    let lines = stdout.lines().map(|line| match line.split_once(made) {
        Some((start, "")) => format!("{line}\n{start}{owner}\n"),
        Some((start, end)) => format!("{start}{made}\",\n{start}{owner}{end}\n"),
        None => format!("{line}\n"),
    });
    let asked = stdout.ends_with("[y/N]: ");
    let text: String = lines.collect();
    text[..text.len() - usize::from(asked)].to_owned()
}

#[test]
fn fix_plans_asks_and_does_what_go_s_does() {
    if left_out(&[Part::Go]) {
        return;
    }
    for state in STATES {
        for (words, stdin) in [
            (&["fix", "--dry-run"][..], ""),
            (&["fix", "--dry-run", "-j"], ""),
            (&["fix"], "n\n"),
            (&["fix"], "\n"),
            (&["fix"], ""),
            (&["fix"], "YES\n"),
            (&["fix", "-y"], ""),
            (&["fix", "-y", "--json"], ""),
            (&["install", "stray", "words"], ""),
            (&["install", "--dry-run=true"], ""),
        ] {
            same(state, words, stdin, with_the_directory_s_group);
        }
    }
}

#[test]
fn what_was_fixed_passes_the_check() {
    // in a user's own namespace the directory above /etc/opk belongs to nobody
    if left_out(&[Part::Go]) || !is_root() {
        return;
    }
    let (peer, etc) = (GoPeer::new(), Etc::new());
    wrong_modes(&etc);
    fs::write(
        etc.dir().join("policy.d/a.yml"),
        "name: a\ncommand: /bin/true\n",
    )
    .unwrap();
    let _ = run(&peer, true, &etc, &["check"], "").refused();
    let said = run(&peer, true, &etc, &["install", "-v"], "").stdout();
    assert!(
        said.contains("Action: chown /etc/opk/policy.d/a.yml to root:opksshuser\n"),
        "{said}"
    );
    for ours in [true, false] {
        run(&peer, ours, &etc, &["check"], "").stdout();
    }
}

#[test]
fn check_finds_what_stops_a_plugin() {
    if left_out(&[Part::Go]) {
        return;
    }
    let peer = GoPeer::new();
    for (text, mode, why) in [
        (
            "name: a\ncommand: /bin/true\n",
            0o644,
            "permissions [640], got (644)",
        ),
        ("name: a\ncommand: ' '\n", 0o640, "a.yml: no command"),
        (
            "name: a\ncommand: /nonexistent/x\n",
            0o640,
            "/nonexistent/x: file does not exist",
        ),
        (
            "name: a\ncommand: /etc/passwd\n",
            0o640,
            "permissions [555, 755], got (644)",
        ),
    ] {
        let etc = Etc::new();
        all_well(&etc);
        etc.write("policy.d/a.yml", text);
        chmod(&etc, "policy.d/a.yml", mode);
        let checked = run(&peer, true, &etc, &["check"], "");
        assert!(checked.refused().contains("1 problems found"));
        assert!(
            checked.any_stdout().contains(why),
            "{}",
            checked.any_stdout()
        );
    }
}

#[test]
fn a_directory_that_others_may_change_is_not_made_root_s_unseen() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (peer, etc) = (GoPeer::new(), Etc::new());
    all_well(&etc);
    etc.write("policy.d/a.yml", "name: a\ncommand: /bin/true\n");
    chmod(&etc, "policy.d/a.yml", 0o666);
    chmod(&etc, "policy.d", 0o777);
    let fixed = run(&peer, true, &etc, &["fix", "-y"], "");
    assert!(fixed.refused().contains("fix completed with 1 errors"));
    assert!(fixed.any_stdout().contains("review its plugins"));
    let mode = |name: &str| fs::metadata(etc.dir().join(name)).unwrap().mode() & 0o777;
    assert_eq!((mode("policy.d"), mode("policy.d/a.yml")), (0o777, 0o666));
    // however often it is run
    let again = run(&peer, true, &etc, &["fix", "-y"], "");
    assert!(again.any_stdout().contains("review its plugins"));
    chmod(&etc, "policy.d", 0o750);
    let fixed = run(&peer, true, &etc, &["fix", "-y"], "");
    assert!(fixed.any_stdout().contains("a.yml could be changed by"));
    // it was looked at
    chmod(&etc, "policy.d/a.yml", 0o644);
    run(&peer, true, &etc, &["fix", "-y"], "").stdout();
    assert_eq!(mode("policy.d/a.yml"), 0o640);

    chmod(&etc, "auth_id", 0o666);
    chmod(&etc, "", 0o777);
    let fixed = run(&peer, true, &etc, &["fix", "-y"], "");
    assert!(fixed.any_stdout().contains("can be changed by others"));
    assert_eq!(mode("auth_id"), 0o666);
    let checked = run(&peer, true, &etc, &["check"], "");
    assert!(
        checked
            .any_stdout()
            .contains("Problem: /etc/opk: writable by others")
    );
}

/// A mode that lets only root write would make rules of what others wrote.
#[test]
fn what_others_could_have_written_is_not_made_good_by_another_mode() {
    if left_out(&[Part::Go]) {
        return;
    }
    for (name, mode) in [
        ("auth_id", 0o666),
        ("auth_id", 0o646),
        ("providers", 0o660),
        ("rules.yml", 0o606),
        ("policy.d/a.yml", 0o662),
    ] {
        let (peer, etc) = (GoPeer::new(), Etc::new());
        all_well(&etc);
        etc.write(name, "");
        chmod(&etc, name, mode);
        let fixed = run(&peer, true, &etc, &["fix", "-y"], "");
        assert!(fixed.refused().contains("fix completed with 1 errors"));
        let said = fixed.any_stdout();
        let what = format!("/etc/opk/{name} could be changed by others than root: review");
        assert!(said.contains(&what), "{said}");
        assert!(
            said.contains(&format!("sudo chmod 640 /etc/opk/{name}")),
            "{said}"
        );
        let found = fs::metadata(etc.dir().join(name)).unwrap().mode();
        assert_eq!(found & 0o777, mode, "{name}");
    }
}

#[test]
fn files_that_only_we_have_are_looked_at() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (peer, etc) = (GoPeer::new(), Etc::new());
    all_well(&etc);
    let cache = etc.log_dir().join("cache");
    fs::create_dir(&cache).unwrap();
    fs::set_permissions(&cache, Permissions::from_mode(0o777)).unwrap();
    let in_there = ["--cache", "/var/log/cache"];
    let ours = ["rules.yml", "revoked.yml", "server.yml"];
    for name in ours {
        etc.write(name, "");
        chmod(&etc, name, 0o644);
    }
    let checked = run(&peer, true, &etc, &[&["check"], &in_there[..]].concat(), "");
    assert!(checked.refused().contains("4 problems found"));
    let said = checked.any_stdout();
    for what in ours.iter().copied().chain(["/var/log/cache has mode 777"]) {
        assert!(said.contains(what), "{what}: {said}");
    }
    // what others could have put into the cache is not made good by another mode
    let fixed = run(
        &peer,
        true,
        &etc,
        &[&["fix", "-y"], &in_there[..]].concat(),
        "",
    );
    assert!(fixed.refused().contains("fix completed with 1 errors"));
    assert!(fixed.any_stdout().contains("sudo rm -r /var/log/cache"));
    assert_eq!(fs::metadata(&cache).unwrap().mode() & 0o777, 0o777);
    for name in ours {
        let mode = fs::metadata(etc.dir().join(name)).unwrap().mode();
        assert_eq!(mode & 0o777, 0o640, "{name}");
    }
    fs::remove_dir(&cache).unwrap();
    run(&peer, true, &etc, &[&["check"], &in_there[..]].concat(), "").stdout();
}

#[test]
fn links_are_not_followed_by_fix() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (peer, etc) = (GoPeer::new(), Etc::new());
    all_well(&etc);
    let target = etc.log_dir().join("target");
    fs::write(&target, "").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
    fs::hard_link(&target, etc.dir().join("policy.d/hard.yml")).unwrap();
    symlink("/var/log/target", etc.dir().join("policy.d/soft.yml")).unwrap();
    let fixed = run(&peer, true, &etc, &["fix", "-y"], "");
    assert!(fixed.refused().contains("fix completed with 4 errors"));
    let said = fixed.any_stdout();
    assert!(said.contains("soft.yml is a symlink") && said.contains("hard.yml: the file has"));
    assert_eq!(fs::metadata(target).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn a_group_that_does_not_exist_is_named() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (peer, etc) = (GoPeer::new(), Etc::new());
    all_well(&etc);
    let words = ["--group", "nosuchgroup"];
    let checked = run(&peer, true, &etc, &["check", words[0], words[1]], "");
    assert!(
        checked
            .any_stdout()
            .contains("expected group (nosuchgroup), got (opksshuser)")
    );
    let fixed = run(&peer, true, &etc, &["fix", "-yj", words[0], words[1]], "");
    assert!(fixed.refused().contains("fix completed with 1 errors"));
    assert!(fixed.stderr().contains("name an existing group"));
    let said = fixed.any_stdout();
    assert!(said.contains("unknown group nosuchgroup"), "{said}");
    assert!(said.contains("\"planned\": []"), "{said}");
}

#[test]
fn without_a_command_there_is_help() {
    let home = opkssh_test_support::Home::new(OPKSSH);
    for words in [&["permissions"][..], &["permissions", "bogus"]] {
        let said = home.opkssh(words).run().stdout();
        assert!(said.contains("check") && said.contains("install"), "{said}");
    }
}
