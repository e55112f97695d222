//! Servers whose host key no known_hosts file knows, and the files that ssh is told to read.

use std::path::PathBuf;

use opkssh_test_support::{Part, ProviderOptions, Run, left_out, user_name};

use super::Server;
use crate::setup::{Setup, status};

const PARTS: [Part; 2] = [Part::Provider, Part::Sshd];
/// ssh goes on and remembers nothing.
const NEVER_KNOWN: [&str; 4] = [
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "StrictHostKeyChecking=no",
];

fn logged_in(lines: &[&str]) -> (Setup, Server) {
    let setup = Setup::with(ProviderOptions::default(), lines);
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    (setup, server)
}

fn wrapper(setup: &Setup, options: &[&str], server: &Server) -> Run {
    let ssh = setup.home.opkssh(["ssh"]).args(options);
    ssh.args(server.sshd.ssh_args())
}

fn plain(setup: &Setup, options: &[&str], server: &Server) -> Run {
    let ssh = setup.with_agent("ssh").args(options);
    ssh.args(server.sshd.ssh_args())
}

#[track_caller]
fn sees_nothing(ssh: Run, server: &Server) {
    let refused = ssh.run();
    assert_eq!(refused.code(), Some(255), "{}", refused.any_stdout());
    let said = refused.stderr();
    assert!(said.contains("Permission denied"), "{said}");
    assert_eq!(server.etc.log(), "", "it learnt who it is");
}

#[test]
fn only_the_ssh_that_opkssh_ssh_became_shows_an_unknown_server_an_account_with_hosts() {
    if left_out(&PARTS) {
        return;
    }
    let (setup, server) = logged_in(&["hosts: [localhost]"]);
    sees_nothing(
        plain(&setup, &NEVER_KNOWN, &server).args(["localhost", "true"]),
        &server,
    );
    let notices = status(&setup.home)["notices"].to_string();
    assert!(notices.contains("known_hosts does not know"), "{notices}");
    // by another name than `hosts:` have
    sees_nothing(
        wrapper(&setup, &NEVER_KNOWN, &server).args(["127.0.0.1", "true"]),
        &server,
    );
    let first = wrapper(&setup, &NEVER_KNOWN, &server).args(["localhost", "echo in"]);
    assert_eq!(first.run().stdout(), "in\n");
    // which does not help the next one
    let other = Server::ours(&setup.provider, "24h");
    sees_nothing(
        plain(&setup, &NEVER_KNOWN, &other).args(["localhost", "true"]),
        &other,
    );
}

#[test]
fn a_server_whose_key_is_another_than_known_hosts_has_for_the_name_sees_nothing() {
    if left_out(&PARTS) {
        return;
    }
    let (setup, server) = logged_in(&["hosts: [localhost]"]);
    let other = Server::ours(&setup.provider, "24h");
    let port = server.sshd.port();
    let line = format!("[localhost]:{port} {}\n", other.sshd.host_key());
    let file = setup.home.write(".ssh/known_hosts", line);
    let files = format!("UserKnownHostsFile={}", file.display());
    let options = ["-o", &files, "-o", "StrictHostKeyChecking=no"];
    let enter = || wrapper(&setup, &options, &server).args(["localhost", "true"]);
    for is_hashed in [false, true] {
        if is_hashed {
            let hash = setup.home.command("ssh-keygen").args(["-H", "-f"]);
            hash.arg(&file).run().stdout();
        }
        sees_nothing(enter(), &server);
    }
    let notices = status(&setup.home)["notices"].to_string();
    assert!(notices.contains("another key for the server"), "{notices}");
}

#[test]
fn known_hosts_that_cannot_be_read_hides_every_account() {
    if left_out(&PARTS) {
        return;
    }
    for hosts in ["", "hosts: [localhost]"] {
        let (setup, server) = logged_in(&[hosts]);
        setup.knows(&[&server.sshd]);
        setup.home.write(".ssh/known_hosts2/a", "");
        sees_nothing(
            plain(&setup, &[], &server).args(["localhost", "true"]),
            &server,
        );
        let notices = status(&setup.home)["notices"].to_string();
        assert!(notices.contains("known_hosts cannot be read"), "{notices}");
    }
}

#[test]
fn without_hosts_an_unknown_server_sees_the_account() {
    if left_out(&PARTS) {
        return;
    }
    let (setup, server) = logged_in(&[]);
    let enter = plain(&setup, &NEVER_KNOWN, &server).args(["localhost", "echo in"]);
    assert_eq!(enter.run().stdout(), "in\n");
}

#[test]
fn the_known_hosts_files_of_ssh_s_configuration_name_the_server() {
    if left_out(&PARTS) {
        return;
    }
    let (setup, server) = logged_in(&["hosts: [web]"]);
    let web = ["-o", "HostName=localhost"];
    // the server's own file knows it as localhost, whatever it was asked for
    sees_nothing(
        wrapper(&setup, &web, &server).args(["web", "true"]),
        &server,
    );
    let options = [&web[..], &NEVER_KNOWN].concat();
    let enter = wrapper(&setup, &options, &server).args(["web", "echo in"]);
    assert_eq!(enter.run().stdout(), "in\n");
}

#[test]
fn known_hosts2_is_read_and_a_revoked_key_sees_nothing() {
    if left_out(&PARTS) {
        return;
    }
    let (setup, server) = logged_in(&["hosts: [localhost]"]);
    let line = server.sshd.known_hosts_line();
    let ssh = |command| plain(&setup, &[], &server).args(["localhost", command]);
    sees_nothing(ssh("true"), &server);
    setup.home.write(".ssh/known_hosts2", line.clone() + "\n");
    assert_eq!(ssh("echo in").run().stdout(), "in\n");

    let (setup, server) = logged_in(&[]);
    let revoked = format!("@revoked * {}\n", server.sshd.host_key());
    setup.home.write(".ssh/known_hosts2", revoked);
    sees_nothing(
        plain(&setup, &[], &server).args(["localhost", "true"]),
        &server,
    );
}

/// A jump host, and a server behind it, neither of which anything knows.
struct Jump {
    a: Server,
    b: Server,
    config: PathBuf,
    setup: Setup,
}

impl Jump {
    fn new(hosts: &str) -> Self {
        let (setup, a) = logged_in(&[hosts]);
        let b = Server::ours(&setup.provider, "24h");
        let text = format!(
            "Host *\n HostName localhost\n User {}\n UserKnownHostsFile /dev/null\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking no\n AddressFamily inet\n \
             BatchMode yes\n PreferredAuthentications publickey\n IdentityFile none\n\
             Host a\n Port {}\nHost b\n Port {}\n",
            user_name(),
            a.sshd.port(),
            b.sshd.port()
        );
        Self {
            config: setup.home.write("ssh_config", text),
            a,
            b,
            setup,
        }
    }

    fn ssh(&self) -> Run {
        let ssh = self.setup.home.opkssh(["ssh", "-F"]).arg(&self.config);
        ssh.args(["-J", "a", "b", "echo in"])
    }
}

#[test]
fn a_jump_host_does_not_see_what_the_server_behind_it_may() {
    if left_out(&PARTS) {
        return;
    }
    let hostile = Jump::new("hosts: [b]");
    sees_nothing(hostile.ssh(), &hostile.a);
    assert_eq!(hostile.b.etc.log(), "");
    let both = Jump::new("hosts: [a, b]");
    assert_eq!(both.ssh().run().stdout(), "in\n");
    both.a.sshd.wait_for_log("Accepted publickey");
}
