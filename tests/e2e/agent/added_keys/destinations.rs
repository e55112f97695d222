//! `ssh-add -h`: a key that is for certain servers, by certain ways.

use std::path::Path;

use opkssh_test_support::{Part, Sshd, Verifier, left_out, user_name};

use super::{Agent, Agents};

/// Two servers that let the key in, with names of their own.
struct Hops {
    agents: Agents,
    _a: Sshd,
    _b: Sshd,
}

impl Hops {
    fn new() -> Self {
        let agents = Agents::start();
        agents.keygen("key", "ed25519", "256");
        let home = &agents.home;
        let key = std::fs::read_to_string(home.dir().join("key.pub")).unwrap();
        let server = || Sshd::start(Verifier::Keys(&key), Path::new("/dev/null"));
        let (a, b) = (server(), server());
        home.write(
            ".ssh/known_hosts",
            format!("a {}\nb {}\n", a.host_key(), b.host_key()),
        );
        let text = format!(
            "Host *\n HostName localhost\n User {}\n UserKnownHostsFile {}\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n AddressFamily inet\n \
             BatchMode yes\n PreferredAuthentications publickey\n IdentityFile none\n\
             Host a\n Port {}\n HostKeyAlias a\nHost b\n Port {}\n HostKeyAlias b\n",
            user_name(),
            home.dir().join(".ssh/known_hosts").display(),
            a.port(),
            b.port()
        );
        home.write("ssh_config", text);
        Self {
            agents,
            _a: a,
            _b: b,
        }
    }

    /// Adds the key for these steps to both agents; whether then ssh reaches A, B, and B from A.
    fn reached(&self, steps: &[&str]) -> (bool, bool, bool) {
        let home = self.agents.home.dir();
        let config = home.join("ssh_config").display().to_string();
        let known_hosts = home.join(".ssh/known_hosts").display().to_string();
        self.agents.both(|agent: &Agent<'_>| {
            agent.ssh_add(&["-D"]);
            let mut args = vec!["-H", &known_hosts];
            for step in steps {
                args.extend(["-h", step]);
            }
            args.push("key");
            let (added, said) = agent.ssh_add(&args);
            assert!(added, "{}: {said}", agent.name);
            let ssh = |args: &[&str]| {
                let ssh = agent.run("ssh").args(["-F", &config]).args(args);
                ssh.run().any_stdout() == "in\n"
            };
            let onwards = format!("ssh -F {config} b echo in");
            (
                ssh(&["a", "echo", "in"]),
                ssh(&["b", "echo", "in"]),
                ssh(&["-A", "a", &onwards]),
            )
        })
    }
}

#[test]
fn a_key_reaches_what_its_steps_permit_as_with_openssh_s_agent() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let hops = Hops::new();
    let user = user_name();
    assert_eq!(hops.reached(&[]), (true, true, true));
    assert_eq!(hops.reached(&["a"]), (true, false, false));
    assert_eq!(hops.reached(&["b"]), (false, true, false));
    assert_eq!(hops.reached(&["a", "b"]), (true, true, false));
    assert_eq!(hops.reached(&["a", "a>b"]), (true, false, true));
    let named = format!("a>{user}@b");
    assert_eq!(hops.reached(&["a", &named]), (true, false, true));
    assert_eq!(hops.reached(&["a", "a>nobody@b"]), (true, false, false));
    assert_eq!(hops.reached(&["nobody@a"]), (false, false, false));
}
