//! Two servers in a row: the agent forwarded with `ssh -A`, and jumped through with `ssh -J`.

pub mod confirmed;
mod denied;
mod other_key;
mod refused;
mod remote_root;
mod unbound;

use std::path::PathBuf;

use opkssh_test_support::{Part, ProviderOptions, Run, left_out, user_name};

use crate::agent::servers::Server;
use crate::setup::{Setup, entry, status, write_config};

pub const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];

/// Two servers, and a person who knows both.
pub struct Hops {
    pub a: Server,
    pub b: Server,
    // dropped last: it has the provider
    pub setup: Setup,
}

/// Which of the servers the account's `hosts:` name.
#[derive(Clone, Copy)]
pub enum Hosts {
    None,
    OnlyA,
    Both,
    /// Both, by a pattern.
    Pattern,
}

impl Hops {
    /// Logged in.
    pub fn new(hosts: Hosts) -> Self {
        let hops = Self::logged_out(hosts);
        hops.setup.login(&[]);
        hops
    }

    fn logged_out(hosts: Hosts) -> Self {
        let setup = Setup::with(ProviderOptions::default(), &[]);
        let (a, b) = (
            Server::ours(&setup.provider, "24h"),
            Server::ours(&setup.provider, "24h"),
        );
        let name = |server: &Server| format!("\"[localhost]:{}\"", server.sshd.port());
        let line = match hosts {
            Hosts::None => String::new(),
            Hosts::OnlyA => format!("hosts: [{}]", name(&a)),
            Hosts::Both => format!("hosts: [{}, {}]", name(&a), name(&b)),
            Hosts::Pattern => "hosts: [\"local*\"]".to_owned(),
        };
        let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
        let lines: &[&str] = &[&line, "forwarding: allow"];
        let lines = &lines[usize::from(line.is_empty())..];
        write_config(&setup.home, &[entry("test", issuer, client, lines)]);
        setup.knows(&[&a.sshd, &b.sshd]);
        let hops = Self { a, b, setup };
        hops.write_ssh_config();
        hops
    }

    /// The servers as `a` and `b`. A file, because the ssh that `-J` starts is given no options,
    /// and because the ssh on server A needs it as well.
    fn write_ssh_config(&self) {
        let known_hosts = self.setup.home.dir().join(".ssh/known_hosts");
        let text = format!(
            "Host *\n HostName localhost\n User {}\n UserKnownHostsFile {}\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n AddressFamily inet\n \
             BatchMode yes\n PreferredAuthentications publickey\n IdentityFile none\n\
             Host a\n Port {}\nHost b\n Port {}\n",
            user_name(),
            known_hosts.display(),
            self.a.sshd.port(),
            self.b.sshd.port()
        );
        self.setup.home.write("ssh_config", text);
    }

    fn config(&self) -> PathBuf {
        self.setup.home.dir().join("ssh_config")
    }

    fn ssh(&self, args: &[&str]) -> Run {
        self.setup
            .with_agent("ssh")
            .arg("-F")
            .arg(self.config())
            .args(args)
    }

    /// Runs `command` on A, with the agent forwarded.
    pub fn on_a(&self, command: &str) -> Run {
        self.ssh(&["-A", "a", command])
    }

    /// From A on to B.
    pub fn two_hops(&self) -> Run {
        self.on_a(&format!(
            "ssh -F {} b 'echo two hops'",
            self.config().display()
        ))
    }

    fn notices(&self) -> String {
        status(&self.setup.home)["notices"].to_string()
    }
}

#[test]
fn two_hops_work_where_hosts_name_the_second() {
    if left_out(&PARTS) {
        return;
    }
    for hosts in [Hosts::Both, Hosts::Pattern] {
        let hops = Hops::new(hosts);
        assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
        hops.b.sshd.wait_for_log("Accepted publickey");
        assert_eq!(hops.notices(), "[]");
    }
}

#[test]
fn two_hops_work_through_the_wrapper() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::logged_out(Hosts::Both);
    let config = hops.config();
    let said = hops
        .setup
        .home
        .opkssh(["ssh", "-F"])
        .arg(&config)
        .args(["-A", "a"])
        .arg(format!("ssh -F {} b 'echo two hops'", config.display()))
        .run();
    assert_eq!(said.stdout(), "two hops\n");
    assert_eq!(hops.setup.browser.openings(), 1);
}

#[test]
fn hashed_known_hosts_serve_exact_names() {
    if left_out(&PARTS) {
        return;
    }
    let hops = Hops::new(Hosts::Both);
    let known_hosts = hops.setup.home.dir().join(".ssh/known_hosts");
    let hashed = hops
        .setup
        .home
        .command("ssh-keygen")
        .args(["-H", "-f"])
        .arg(&known_hosts)
        .run();
    hashed.stdout();
    let text = std::fs::read_to_string(&known_hosts).unwrap();
    assert!(
        text.starts_with("|1|") && !text.contains("localhost"),
        "{text}"
    );
    assert_eq!(hops.two_hops().run().stdout(), "two hops\n");
}

#[test]
fn a_jump_host_needs_no_forwarding() {
    if left_out(&PARTS) {
        return;
    }
    for hosts in [Hosts::None, Hosts::Both] {
        let hops = Hops::new(hosts);
        let said = hops
            .ssh(&["-J", "a", "b", "echo jumped; echo agent=$SSH_AUTH_SOCK"])
            .run();
        assert_eq!(said.stdout(), "jumped\nagent=\n");
        hops.a.sshd.wait_for_log("Accepted publickey");
        hops.b.sshd.wait_for_log("Accepted publickey");
        assert_eq!(hops.notices(), "[]");
    }
}
