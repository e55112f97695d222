//! `ssh-add -h`: a key that is for certain servers, by certain ways.

use std::path::Path;

use opkssh_test_support::{Part, Sshd, Verifier, left_out, user_name};

use super::{Agent, Agents};
use crate::agent::upstreams::in_a_row;

/// Two servers that let the key in, with names of their own.
struct Hops {
    agents: Agents,
    _a: Sshd,
    _b: Sshd,
}

impl Hops {
    fn new(agents: Agents) -> Self {
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

    /// Adds the key for these steps to an agent; whether then ssh with another one reaches A, B, and
    /// B from A.
    fn reached(&self, steps: &[&str], holder: &Agent<'_>, asked: &Agent<'_>) -> [bool; 3] {
        let home = self.agents.home.dir();
        let config = home.join("ssh_config").display().to_string();
        let known_hosts = home.join(".ssh/known_hosts").display().to_string();
        holder.ssh_add(&["-D"]);
        let mut args = vec!["-H", &known_hosts];
        for step in steps {
            args.extend(["-h", step]);
        }
        args.push("key");
        let (added, said) = holder.ssh_add(&args);
        assert!(added, "{}: {said}", holder.name);
        let ssh = |args: &[&str]| {
            let ssh = asked.run("ssh").args(["-F", &config]).args(args);
            ssh.run().any_stdout() == "in\n"
        };
        let onwards = format!("ssh -F {config} b echo in");
        [
            ssh(&["a", "echo", "in"]),
            ssh(&["b", "echo", "in"]),
            ssh(&["-A", "a", &onwards]),
        ]
    }
}

#[test]
fn a_key_reaches_what_its_steps_permit_as_with_openssh_s_agent() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let hops = Hops::new(Agents::start());
    let user = user_name();
    let named = format!("a>{user}@b");
    for (steps, reached) in [
        (&[][..], [true, true, true]),
        (&["a"], [true, false, false]),
        (&["b"], [false, true, false]),
        (&["a", "b"], [true, true, false]),
        (&["a", "a>b"], [true, false, true]),
        (&["a", &named], [true, false, true]),
        (&["a", "a>nobody@b"], [true, false, false]),
        (&["nobody@a"], [false, false, false]),
    ] {
        let both = |agent: &Agent<'_>| hops.reached(steps, agent, agent);
        assert_eq!(hops.agents.both(both), reached, "{steps:?}");
    }
}

#[test]
fn the_steps_of_a_key_hold_when_its_agent_is_behind_ours() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let hops = Hops::new(in_a_row());
    let (theirs, ours) = (hops.agents.theirs(), hops.agents.ours());
    for (steps, reached) in [
        (&["a"][..], [true, false, false]),
        (&["a", "a>b"], [true, false, true]),
        (&["a", "a>nobody@b"], [true, false, false]),
    ] {
        assert_eq!(hops.reached(steps, &theirs, &ours), reached, "{steps:?}");
    }
}
