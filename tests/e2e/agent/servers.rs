//! Servers that let alice in, and the ways to reach them.

mod forges;
mod kept;
mod unknown;
mod unverifiable;

use std::path::Path;

use opkssh_test_support::{Etc, GoPeer, Home, Output, Provider, Run, Sshd, Verifier, user_name};

use crate::setup::{OPKSSH, Setup, agent_socket, daemon_log};

/// Ends a remote command that shall stay for as long as its session, and no longer.
pub const STAY: &str = "while kill -0 $PPID 2>/dev/null; do sleep 0.2; done";

/// A server's rules: alice of `provider` may become the user who runs the tests.
pub fn rules(provider: &Provider, expiration: &str) -> Etc {
    Etc::new()
        .provider(provider.issuer(), provider.client_id(), expiration)
        .allow(&user_name(), "alice@example.com", provider.issuer())
}

/// An sshd, and what decides who may come in.
pub struct Server {
    pub sshd: Sshd,
    pub etc: Etc,
    pub peer: Option<GoPeer>,
}

impl Server {
    /// It asks our `verify`; alice may come in.
    pub fn ours(provider: &Provider, expiration: &str) -> Self {
        let etc = rules(provider, expiration);
        let binary = Path::new(OPKSSH);
        let verifier = Verifier::Ours { binary, etc: &etc };
        Self {
            sshd: Sshd::start(verifier, &provider.ca_file()),
            etc,
            peer: None,
        }
    }

    /// It asks Go's `verify`; alice may come in.
    pub fn go(provider: &Provider, expiration: &str) -> Self {
        let etc = rules(provider, expiration);
        let peer = GoPeer::new();
        let verifier = Verifier::Go {
            peer: &peer,
            etc: &etc,
        };
        Self {
            sshd: Sshd::start(verifier, &provider.ca_file()),
            etc,
            peer: Some(peer),
        }
    }

    /// `opkssh ssh` to this server; the remote command follows as arguments.
    pub fn opkssh_ssh(&self, home: &Home) -> Run {
        home.opkssh(["ssh"])
            .args(self.sshd.ssh_args())
            .arg("localhost")
    }

    /// All that may say why somebody did not come in.
    pub fn logs(&self, home: &Home) -> String {
        let verify = std::fs::read_to_string(self.etc.log_file()).unwrap_or_default();
        let (agent, sshd) = (daemon_log(home), self.sshd.log());
        format!("== agent\n{agent}== verify\n{verify}== sshd\n{sshd}")
    }

    /// The plain ssh with our agent and no key file.
    pub fn plain_ssh(&self, home: &Home) -> Run {
        home.command("ssh")
            .env("SSH_AUTH_SOCK", agent_socket(home))
            .args(self.sshd.ssh_args())
            .arg("localhost")
    }
}

/// Our `verify` for a certificate as a file has it: type, base64, perhaps a comment.
pub fn our_verify(home: &Home, etc: &Etc, principal: &str, certificate: &str) -> Output {
    let mut words = certificate.split_whitespace();
    let (key_type, base64) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    verify_words(home, etc, principal, key_type, base64)
}

/// As [`our_verify`], with the words as sshd gives them.
pub fn verify_words(
    home: &Home,
    etc: &Etc,
    principal: &str,
    key_type: &str,
    base64: &str,
) -> Output {
    home.opkssh(["verify", "--etc"])
        .arg(etc.dir())
        .arg("--cache")
        .arg(etc.cache_dir())
        .arg("--log-file")
        .arg(etc.log_file())
        .args([principal, base64, key_type])
        .run()
}

impl Setup {
    /// Knows these servers in `~/.ssh/known_hosts`, where the agent looks names up.
    pub fn knows(&self, servers: &[&Sshd]) {
        let lines: String = servers
            .iter()
            .map(|sshd| sshd.known_hosts_line() + "\n")
            .collect();
        self.home.write(".ssh/known_hosts", lines);
    }
}
