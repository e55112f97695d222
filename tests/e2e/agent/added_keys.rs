//! Keys from `ssh-add`: what our agent answers is what OpenSSH's own agent answers.

mod accounts;
mod destinations;
mod fuzzed;
mod messages;
mod programs;
mod questions;

use std::fmt::Debug;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use opkssh_test_support::{Home, Part, Run, Running, Signal, left_out, wait_until};

use crate::agent::sockets::raw::{Raw, sign_request_with};
use crate::setup::{OPKSSH, Setup, agent_socket, daemon_log};

/// Our agent and OpenSSH's, in one home.
pub struct Agents {
    pub home: Home,
    theirs: PathBuf,
    running: std::cell::RefCell<Running>,
}

/// One of the two.
pub struct Agent<'a> {
    home: &'a Home,
    pub name: &'static str,
    pub socket: PathBuf,
}

impl Agents {
    pub fn start() -> Self {
        Self::start_in(Home::new(OPKSSH), &[])
    }

    /// With more options, which both understand.
    pub fn start_in(home: Home, options: &[(&str, &str)]) -> Self {
        let theirs = home.runtime_dir().join("theirs.sock");
        let mut start = home.opkssh(["agent", "start", "--store", "memory"]);
        let mut agent = home.command("ssh-agent").arg("-D").arg("-a").arg(&theirs);
        for (short, value) in options {
            let long = match *short {
                "-t" => "--lifetime",
                other => panic!("{other}"),
            };
            start = start.args([long, value]);
            agent = agent.args([short, value]);
        }
        start.run().stdout();
        let running = agent.start();
        wait_until("ssh-agent", || theirs.exists().then_some(()));
        Self {
            home,
            theirs,
            running: running.into(),
        }
    }

    pub fn ours(&self) -> Agent<'_> {
        self.agent("opkssh agent", agent_socket(&self.home))
    }

    pub fn theirs(&self) -> Agent<'_> {
        self.agent("ssh-agent", self.theirs.clone())
    }

    pub fn signal_theirs(&self, signal: Signal) {
        self.running.borrow_mut().signal(signal);
    }

    fn agent(&self, name: &'static str, socket: PathBuf) -> Agent<'_> {
        Agent {
            home: &self.home,
            name,
            socket,
        }
    }

    /// Does the same with both, and fails unless it had the same result, which it returns.
    pub fn both<T: PartialEq + Debug>(&self, what: impl Fn(&Agent<'_>) -> T) -> T {
        let (ours, theirs) = (what(&self.ours()), what(&self.theirs()));
        assert_eq!(ours, theirs, "the first is ours");
        ours
    }

    /// Makes a key. Returns its file.
    pub fn keygen(&self, name: &str, kind: &str, bits: &str) -> PathBuf {
        let file = self.home.dir().join(name);
        self.home
            .command("ssh-keygen")
            .args(["-q", "-t", kind, "-b", bits, "-N", "", "-C", name, "-f"])
            .arg(&file)
            .run()
            .stdout();
        file
    }

    /// Certifies a key. Returns the certificate's file.
    pub fn certify(&self, authority: &str, key: &str, options: &[&str]) -> PathBuf {
        self.home
            .command("ssh-keygen")
            .args(["-q", "-s", authority, "-I", "id", "-n", "alice"])
            .args(options)
            .arg(format!("{key}.pub"))
            .run()
            .stdout();
        self.home.dir().join(format!("{key}-cert.pub"))
    }
}

impl Agent<'_> {
    pub fn run(&self, program: &str) -> Run {
        let run = self.home.command(program);
        run.env("SSH_AUTH_SOCK", &self.socket)
    }

    /// `ssh-add` with these arguments: whether it succeeded, and what it said, the name of this
    /// agent's socket left out.
    pub fn ssh_add(&self, args: &[&str]) -> (bool, String) {
        let said = self.run("ssh-add").args(args).run();
        let socket = self.socket.display().to_string();
        let text = format!("{}{}", said.any_stdout(), said.stderr());
        (said.success(), text.replace(&socket, "SOCKET"))
    }

    pub fn list(&self) -> String {
        self.ssh_add(&["-L"]).1
    }

    pub fn raw(&self) -> Raw {
        Raw::connect(&self.socket)
    }

    /// Asks for a signature with these flags.
    pub fn sign(&self, blob: &[u8], data: &[u8], flags: u32) -> Vec<u8> {
        let request = sign_request_with(blob, data, flags);
        self.raw().ask(&request)
    }
}

/// The blob in a public key's file.
pub fn blob(home: &Home, file: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text = std::fs::read_to_string(home.dir().join(file)).unwrap();
    let base64 = text.split(' ').nth(1).unwrap();
    base64::engine::general_purpose::STANDARD
        .decode(base64)
        .unwrap()
}

/// Types of keys, with their sizes, that are in the tests' hands in good time.
const TYPES: [(&str, &str, &str); 8] = [
    ("rsa1024", "rsa", "1024"),
    ("rsa2048", "rsa", "2048"),
    ("rsa4096", "rsa", "4096"),
    ("rsa5120", "rsa", "5120"),
    ("p256", "ecdsa", "256"),
    ("p384", "ecdsa", "384"),
    ("p521", "ecdsa", "521"),
    ("ed25519", "ed25519", "256"),
];

#[test]
fn every_type_of_key_is_listed_and_signs_alike() {
    let agents = Agents::start();
    for authority in ["p256", "rsa2048"] {
        let (_, kind, bits) = TYPES.into_iter().find(|it| it.0 == authority).unwrap();
        agents.keygen(&format!("ca-{authority}"), kind, bits);
    }
    for (name, kind, bits) in TYPES {
        agents.keygen(name, kind, bits);
        agents.certify("ca-p256", name, &[]);
        // the key, and its certificate
        let (added, said) = agents.both(|agent| agent.ssh_add(&[name]));
        assert!(added, "{said}");
    }
    let listed = agents.both(|agent| agent.list());
    assert_eq!(listed.lines().count(), 2 * TYPES.len());

    for (name, kind, _) in TYPES {
        for file in [format!("{name}.pub"), format!("{name}-cert.pub")] {
            let blob = blob(&agents.home, &file);
            let flags: &[u32] = if kind == "rsa" { &[2, 4, 6] } else { &[0] };
            for flags in flags {
                let signed = agents.both(|agent| {
                    let answer = agent.sign(&blob, b"data", *flags);
                    // the others are deterministic: the same byte for byte
                    if kind == "ecdsa" {
                        vec![answer[0]]
                    } else {
                        answer
                    }
                });
                assert_eq!(signed[0], 14, "{file} {flags}");
            }
        }
        let public = format!("{name}.pub");
        let (good, said) = agents.ours().ssh_add(&["-T", &public]);
        assert!(good, "{said}");
    }
}

#[test]
fn rsa_signatures_are_never_made_with_sha_1() {
    let agents = Agents::start();
    agents.keygen("rsa", "rsa", "2048");
    agents.both(|agent| agent.ssh_add(&["rsa"]));
    let blob = blob(&agents.home, "rsa.pub");
    let without_flags = agents.ours().sign(&blob, b"data", 0);
    assert_eq!(without_flags, agents.theirs().sign(&blob, b"data", 2));
    assert_ne!(without_flags, agents.theirs().sign(&blob, b"data", 0));
}

#[test]
fn ssh_add_removes_and_locks_alike() {
    let agents = Agents::start();
    for name in ["one", "two"] {
        agents.keygen(name, "ed25519", "256");
    }
    agents.keygen("ca", "ed25519", "256");
    agents.certify("ca", "two", &[]);
    agents.both(|agent| agent.ssh_add(&["one"]));
    agents.both(|agent| agent.ssh_add(&["two"]));
    agents.both(|agent| agent.ssh_add(&["-d", "one"]));
    assert_eq!(agents.both(|agent| agent.list()).lines().count(), 2);
    agents.both(|agent| agent.ssh_add(&["-d", "one"]));
    // again, while it is there
    agents.both(|agent| agent.ssh_add(&["two"]));

    let password = agents.home.write("password", "#!/bin/sh\necho secret\n");
    std::fs::set_permissions(&password, Permissions::from_mode(0o700)).unwrap();
    let with_password = |agent: &Agent<'_>, flag: &str| {
        let ssh_add = agent.run("ssh-add").arg(flag).env("SSH_ASKPASS", &password);
        ssh_add.env("SSH_ASKPASS_REQUIRE", "force").run().success()
    };
    let public = blob(&agents.home, "two.pub");
    assert!(agents.both(|agent| with_password(agent, "-x")));
    agents.both(|agent| agent.list());
    agents.both(|agent| agent.ssh_add(&["one"]));
    agents.both(|agent| agent.ssh_add(&["-D"]));
    assert_eq!(agents.both(|agent| agent.sign(&public, b"data", 0)), [5]);
    assert!(agents.both(|agent| with_password(agent, "-X")));
    assert_eq!(agents.both(|agent| agent.list()).lines().count(), 2);
    assert_eq!(agents.both(|agent| agent.sign(&public, b"data", 0)[0]), 14);

    agents.both(|agent| agent.ssh_add(&["-D"]));
    let none = "The agent has no identities.\n";
    assert_eq!(agents.both(|agent| agent.list()), none);
}

#[test]
fn a_lifetime_ends_by_itself_and_by_default() {
    let agents = Agents::start_in(Home::new(OPKSSH), &[("-t", "1s")]);
    agents.keygen("short", "ed25519", "256");
    agents.keygen("long", "ed25519", "256");
    agents.both(|agent| agent.ssh_add(&["short"]));
    agents.both(|agent| agent.ssh_add(&["-t", "1000", "long"]));
    wait_until("the end of the lifetime", || {
        let ended = |agent: Agent<'_>| agent.list().lines().count() == 1;
        (ended(agents.ours()) && ended(agents.theirs())).then_some(())
    });
    assert!(agents.both(|agent| agent.list()).ends_with("long\n"));
}

#[test]
fn a_certificate_goes_when_it_ends() {
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    agents.keygen("ca", "ed25519", "256");
    agents.certify("ca", "key", &["-V", "always:20200101"]);
    // one that has ended is held, because it was added as it is
    let listed = agents.both(|agent| {
        agent.ssh_add(&["key"]);
        agent.list()
    });
    assert_eq!(listed.lines().count(), 2, "{listed}");
    let ours = agents.ours();
    ours.ssh_add(&["-D"]);
    agents.certify("ca", "key", &["-V", "always:+2s"]);
    ours.ssh_add(&["key"]);
    wait_until("the certificate's end", || {
        (ours.list().lines().count() == 1).then_some(())
    });
}

#[test]
fn a_certificate_of_an_account_is_not_removed_and_the_log_says_how_to_log_out() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let certificate = setup.home.write("account.pub", setup.certificate());
    let removed = setup
        .with_agent("ssh-add")
        .arg("-d")
        .arg(&certificate)
        .run();
    assert!(!removed.success());
    let log = daemon_log(&setup.home);
    let why =
        "keys not changed: the certificate is the account test's; log out: opkssh logout test";
    assert!(log.contains(why), "{log}");
    assert_eq!(
        setup.certificate(),
        std::fs::read_to_string(certificate).unwrap()
    );
}
