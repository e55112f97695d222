//! Other users of the machine, with the file permissions out of the way: the check of the peer's
//! uid alone has to refuse them. Needs root, to be several users.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use opkssh_test_support::{Home, Output, Run, Running};

use super::raw::{IDENTITIES_ANSWER, REQUEST_IDENTITIES, Raw, frame};
use crate::setup::{OPKSSH, agent_socket};

/// Uids that nobody has; no account is needed to run as them.
const USER: &str = "41001";
const OTHER: &str = "41002";

/// The daemon as [`USER`]; everybody may reach its sockets.
struct Stage {
    daemon: Running,
    program: PathBuf,
    home: Home,
}

impl Stage {
    fn new() -> Self {
        let home = Home::new(OPKSSH);
        let root = home.dir().parent().unwrap().to_owned();
        // where every user can execute it, wherever the repository is
        let program = root.join("opkssh");
        let run = |run: Run| run.run().stdout();
        run(home
            .command("install")
            .args(["-m", "755", OPKSSH])
            .arg(&program));
        run(home.command("chown").args(["-R", USER]).arg(&root));
        run(home.command("chmod").arg("755").arg(&root));
        let mut daemon = as_user(&home, USER)
            .arg(&program)
            .args(["agent", "run", "--store", "memory"])
            .start();
        daemon.wait_for("agent is ready");
        let stage = Self {
            daemon,
            program,
            home,
        };
        run(stage.home.command("chmod").arg("755").args([
            stage.home.runtime_dir(),
            stage.home.runtime_dir().join("opkssh"),
        ]));
        run(stage
            .home
            .command("chmod")
            .arg("666")
            .args([stage.agent(), stage.control()]));
        stage
    }

    fn agent(&self) -> PathBuf {
        agent_socket(&self.home)
    }

    fn control(&self) -> PathBuf {
        self.home.runtime_dir().join("opkssh/control.sock")
    }

    /// `ssh-add -l` as `user`: a client that speaks to whatever socket it is given.
    fn ssh_add(&self, user: &str, socket: &Path) -> Output {
        as_user(&self.home, user)
            .env("SSH_AUTH_SOCK", socket)
            .args(["ssh-add", "-l"])
            .run()
    }

    /// Whether it says so or dies of the broken pipe, it gets no answer.
    fn gets_no_answer(&self, user: &str, socket: &Path) {
        let list = self.ssh_add(user, socket);
        assert!(!list.success());
        assert_eq!(list.any_stdout(), "", "{}", list.stderr());
    }
}

fn as_user(home: &Home, user: &str) -> Run {
    home.command("setpriv")
        .args(["--reuid", user, "--regid", user, "--clear-groups", "--"])
}

/// Says so, loudly, if not: the calling test then returns at once.
pub fn is_root() -> bool {
    // a process owns its own entry there
    let is_root =
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0;
    if !is_root {
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        // not eprintln!: the harness would swallow it for a test that passes
        let _ = writeln!(
            std::io::stderr(),
            "WARNING: ==== LEFT OUT: {test}: needs root ===="
        );
    }
    is_root
}

#[test]
fn another_user_is_refused_on_both_sockets() {
    if !is_root() {
        return;
    }
    let mut stage = Stage::new();
    let own = stage.ssh_add(USER, &stage.agent()).any_stdout();
    assert!(own.contains("The agent has no identities"), "{own}");
    stage.gets_no_answer(OTHER, &stage.agent());
    stage
        .daemon
        .wait_for("agent connection of another user refused");
    stage.gets_no_answer(OTHER, &stage.control());
    stage
        .daemon
        .wait_for("control connection of another user refused");
    // nor does the client trust a daemon of somebody else's
    let status = as_user(&stage.home, OTHER)
        .arg(&stage.program)
        .arg("status")
        .run();
    assert!(
        status.inconclusive().contains("another user"),
        "{}",
        status.stderr()
    );
}

#[test]
fn root_is_admitted_to_the_agent_only() {
    if !is_root() {
        return;
    }
    let mut stage = Stage::new();
    let mut agent = Raw::connect(&stage.agent());
    assert_eq!(
        agent.ask(&[REQUEST_IDENTITIES]),
        [IDENTITIES_ANSWER, 0, 0, 0, 0]
    );
    let mut control = Raw::connect(&stage.control());
    control.send(&frame(br#"{"version":2,"message":{"request":"status"}}"#));
    assert_eq!(control.receive(), None);
    stage
        .daemon
        .wait_for("control connection of another user refused");
    assert!(!stage.daemon.has_ended());
}
