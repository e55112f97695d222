//! What the daemon's memory gives away: to other processes, to the swap, and to whoever reads it
//! when the person has logged out.

mod scan;

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_test_support::{
    Client, Home, Part, ProviderOptions, Run, Running, SecretService, left_out, wait_until,
};

use crate::agent::lock::{PASSWORD, lock};
use crate::agent::sockets::other_users::is_root;
use crate::agent::store::stored;
use crate::setup::{OPKSSH, Setup, daemon_pid};
use scan::{Secrets, found_in_memory};

/// Access tokens are kept, and events are not: a trace of them keeps the secrets that they bring.
fn setup(options: ProviderOptions) -> Setup {
    let setup = Setup::with(options, &["send_access_token: true"]);
    setup.home.unset("OPKSSH_LIFECYCLE_TRACE");
    setup
}

#[test]
fn after_a_logout_no_secret_is_left_in_memory() {
    if left_out(&[Part::Provider, Part::Keyring]) || !is_root() {
        return;
    }
    let setup = setup(Default::default());
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let mut secrets = Secrets::of(&stored(&setup.home).expect("the record in the keyring"));
    let pid = daemon_pid(&setup.home);
    // it signs, too
    setup.signs_for(&setup.certificate());
    // or else this test would find nothing whatever is there
    let found = found_in_memory(pid, &secrets);
    for name in [
        "refresh token",
        "user key, least byte first",
        "access token",
        "ID token signature",
    ] {
        assert!(found.iter().any(|it| it == name), "only {found:?} found");
    }
    // what a restart leaves behind in reading the store counts, too
    setup.home.opkssh(["agent", "restart"]).run().stdout();
    setup.home.opkssh(["check"]).run().stdout();
    secrets.add(&stored(&setup.home).expect("the record in the keyring"));
    let pid = daemon_pid(&setup.home);

    setup.home.opkssh(["logout", "--all"]).run().stdout();
    // the connection to the provider is kept for a few seconds, and with it its buffers
    wait_until("no secret is in memory", || {
        found_in_memory(pid, &secrets).is_empty().then_some(())
    });
}

#[test]
fn after_a_lock_no_secret_is_left_in_memory() {
    if left_out(&[Part::Provider, Part::Keyring]) || !is_root() {
        return;
    }
    const CLIENT_SECRET: &str = "what only this client knows";
    for method in ["client_secret_basic", "client_secret_post"] {
        let client = Client::secret("opkssh-test", CLIENT_SECRET, method);
        let options = ProviderOptions {
            clients: vec![client],
            ..Default::default()
        };
        let setup = setup(options);
        let _keyring = SecretService::start(&setup.home);
        setup.login(&[]);
        let mut secrets = Secrets::of(&stored(&setup.home).expect("the record in the keyring"));
        secrets.add_one("client secret", CLIENT_SECRET.as_bytes());
        let form = CLIENT_SECRET.replace(' ', "+");
        secrets.add_one("client secret in a form", form.as_bytes());
        let basic = STANDARD.encode(format!("opkssh-test:{form}"));
        secrets.add_one("client secret in a header", basic.as_bytes());
        let verifier = setup.provider.code_verifier();
        secrets.add_one("PKCE verifier", verifier.as_bytes());
        secrets.add_one("password of the lock", PASSWORD.as_bytes());
        let pid = daemon_pid(&setup.home);
        // or else this test would find nothing whatever is there
        let found = found_in_memory(pid, &secrets);
        for name in ["refresh token", "access token", "client secret"] {
            assert!(found.iter().any(|it| it == name), "only {found:?} found");
        }
        lock(&setup.home);
        // the connection to the provider is kept for a few seconds, and with it its buffers
        wait_until("no secret is in memory", || {
            found_in_memory(pid, &secrets).is_empty().then_some(())
        });
        // nor does a wrong password bring one back
        let wrong = setup.home.opkssh(["agent", "unlock"]).stdin("wrong");
        wrong.run().refused();
        assert_eq!(found_in_memory(pid, &secrets), [""; 0]);
    }
}

#[test]
fn after_sigusr1_no_secret_is_left_in_memory() {
    if left_out(&[Part::Provider, Part::Keyring]) || !is_root() {
        return;
    }
    let setup = setup(Default::default());
    let _keyring = SecretService::start(&setup.home);
    setup.login(&["--key-type", "ed25519"]);
    let secrets = Secrets::of(&stored(&setup.home).expect("the record in the keyring"));
    let pid = daemon_pid(&setup.home);
    assert!(!found_in_memory(pid, &secrets).is_empty());
    let kill = setup.home.command("kill");
    kill.args(["-USR1", &pid.to_string()]).run().stdout();
    wait_until("no secret is in memory", || {
        found_in_memory(pid, &secrets).is_empty().then_some(())
    });
}

#[test]
fn another_process_of_the_same_user_sees_nothing_of_it() {
    let stage = Stage::new();
    let daemon = stage.daemon(&[], &[]);
    let mut other = stage.run("sleep").arg("1000").start();
    let proc = |pid: u32, name: &str| format!("/proc/{pid}/{name}");
    let cat = |file: String| stage.run("cat").arg(file).run();
    wait_until("of another, it may", || {
        cat(proc(other.pid(), "maps")).success().then_some(())
    });
    for name in ["maps", "mem", "environ", "auxv"] {
        let refused = cat(proc(daemon.pid(), name));
        assert!(!refused.success(), "{name}");
        let why = refused.stderr();
        assert!(why.contains("Permission denied"), "{name}: {why}");
    }
    let pid = daemon.pid().to_string();
    let refused = stage.run("strace").args(["-p", &pid]).run();
    let why = refused.stderr();
    assert!(
        !refused.success() && why.contains("Operation not permitted"),
        "{why}"
    );
    let limits = cat(proc(daemon.pid(), "limits")).stdout();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    let values: Vec<&str> = core.unwrap_or_default().split_whitespace().collect();
    assert_eq!(values[4..6], ["0", "0"], "{limits}");
    other.kill();
}

#[test]
fn secrets_are_locked_into_ram_and_status_says_so() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let locked = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmLck:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number
            .and_then(|number| number.parse::<u64>().ok())
            .unwrap()
    };
    let setup = Setup::new();
    let start = |mode: &str| {
        let start = ["agent", "start", "--store", "memory", "--memory-lock", mode];
        setup.home.opkssh(start).run().stdout();
        setup.login(&[]);
        (
            locked(daemon_pid(&setup.home)),
            setup.home.opkssh(["status"]).run().stdout(),
        )
    };
    let (kilobytes, said) = start("off");
    assert_eq!(kilobytes, 0);
    assert!(
        said.contains("may be swapped out: --memory-lock off"),
        "{said}"
    );
    let stop = ["agent", "stop", "--force"];
    setup.home.opkssh(stop).run().stdout();
    if limit_is_zero() {
        let (kilobytes, said) = start("auto");
        assert_eq!(kilobytes, 0);
        assert!(said.contains("may be swapped out: the limit"), "{said}");
        return;
    }
    let (kilobytes, said) = start("strict");
    assert!(kilobytes >= 4, "{kilobytes}");
    assert!(said.contains("secrets are locked into RAM"), "{said}");
    // far from an ordinary user's limit, which is 8 MiB
    assert!(kilobytes < 4096, "{kilobytes}");
}

#[test]
fn where_memory_cannot_be_locked_auto_goes_on_and_strict_does_not() {
    let stage = Stage::new();
    let without = ["prlimit", "--memlock=0:0", "--"];
    let daemon = stage.daemon(&without, &[]);
    assert_eq!(
        daemon.stderr_so_far().matches("may be swapped out").count(),
        1
    );
    let said = stage.opkssh(&["status"]).run().stdout();
    assert!(
        said.contains("secrets may be swapped out: the limit"),
        "{said}"
    );
    stage.opkssh(&["agent", "stop"]).run().stdout();
    drop(daemon);

    let strict = ["agent", "run", "--memory-lock", "strict"];
    let refused = stage.with(&without, &stage.program).args(strict).run();
    let why = refused.refused();
    assert!(why.contains("cannot be locked into RAM"), "{why}");
    assert!(why.contains("LimitMEMLOCK"), "{why}");
}

/// Returns true if this whole run is under `prlimit --memlock=0`.
fn limit_is_zero() -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max locked memory"));
    !is_root_quietly() && line.is_some_and(|line| line.split_whitespace().nth(3) == Some("0"))
}

fn is_root_quietly() -> bool {
    opkssh_test_support::user_name() == "root"
}

/// A home of a user who is not root, who has no capabilities.
struct Stage {
    home: Home,
    program: PathBuf,
    as_user: &'static [&'static str],
}

impl Stage {
    fn new() -> Self {
        let home = Home::new(OPKSSH);
        if !is_root_quietly() {
            return Self {
                home,
                program: OPKSSH.into(),
                as_user: &[],
            };
        }
        let root = home.dir().parent().unwrap().to_owned();
        let program = root.join("opkssh");
        let install = home.command("install").args(["-m", "755", OPKSSH]);
        install.arg(&program).run().stdout();
        let chown = home.command("chown").args(["-R", "41003"]).arg(&root);
        chown.run().stdout();
        Self {
            home,
            program,
            as_user: &[
                "setpriv",
                "--reuid",
                "41003",
                "--regid",
                "41003",
                "--clear-groups",
                "--",
            ],
        }
    }

    /// A program with `before` in front of it, as the user.
    fn with(&self, before: &[&str], program: impl AsRef<std::ffi::OsStr>) -> Run {
        let mut words = self.as_user.iter().chain(before);
        let Some(first) = words.next() else {
            return self.home.command(program.as_ref());
        };
        self.home.command(first).args(words).arg(program)
    }

    fn run(&self, program: &str) -> Run {
        self.with(&[], program)
    }

    fn opkssh(&self, words: &[&str]) -> Run {
        self.with(&[], &self.program).args(words)
    }

    fn daemon(&self, before: &[&str], more: &[&str]) -> Running {
        let run = ["agent", "run", "--store", "memory"];
        let mut daemon = self
            .with(before, &self.program)
            .args(run)
            .args(more)
            .start();
        daemon.wait_for("agent is ready");
        daemon
    }
}
