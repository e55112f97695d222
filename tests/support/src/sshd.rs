//! A private sshd on a loopback port, as the current user.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::parts::{part, program};
use crate::run::{Run, Running};
use crate::wait::{free_port, wait_until};
use crate::{Etc, GoPeer, user_name};

/// Another program may take the free port first.
const ATTEMPTS: usize = 5;

/// Who decides which keys may log in.
#[derive(Clone, Copy)]
pub enum Verifier<'a> {
    /// Our `verify`, under the rules of `etc`.
    Ours { binary: &'a Path, etc: &'a Etc },
    /// The Go peer's.
    Go { peer: &'a GoPeer, etc: &'a Etc },
    /// A fixed `authorized_keys` text, for comparison.
    Keys(&'a str),
}

/// Debian 13's sshd. What it starts has to be named by `SshdSessionPath` and `SshdAuthPath`, see
/// [`Sshd::start_newer`].
pub fn newer_sshd() -> PathBuf {
    part("newer-sshd/sshd")
}

/// The running sshd. It lets in the current user only, by public key only.
pub struct Sshd {
    directory: TempDir,
    port: u16,
    host_key: String,
    _sshd: Running,
}

impl Sshd {
    /// Starts sshd. The verifier trusts `ca_file` for https, and no other CA.
    pub fn start(verifier: Verifier, ca_file: &Path) -> Self {
        Self::start_with(verifier, ca_file, "")
    }

    /// As [`Sshd::start`], with lines of sshd_config that go first and so win.
    pub fn start_with(verifier: Verifier, ca_file: &Path, config: &str) -> Self {
        Self::start_program(&program("sshd"), verifier, ca_file, config, "")
    }

    /// As [`Sshd::start_with`], but it is Debian 13's sshd, which passes `tokens` to the verifier
    /// behind `%u %k %t`.
    pub fn start_newer(verifier: Verifier, ca_file: &Path, config: &str, tokens: &str) -> Self {
        let beside = |name: &str| part("newer-sshd").join(name).display().to_string();
        let config = format!(
            "{config}\nSshdSessionPath {}\nSshdAuthPath {}",
            beside("sshd-session"),
            beside("sshd-auth")
        );
        Self::start_program(&newer_sshd(), verifier, ca_file, &config, tokens)
    }

    fn start_program(
        program: &Path,
        verifier: Verifier,
        ca_file: &Path,
        config: &str,
        tokens: &str,
    ) -> Self {
        let directory = tempfile::Builder::new()
            .prefix("ot-")
            .tempdir_in("/tmp")
            .expect("a directory in /tmp");
        let host_key = make_host_key(directory.path());
        provide_privilege_separation_directory();
        for _ in 0..ATTEMPTS {
            let port = free_port();
            let text = sshd_config(directory.path(), port, verifier, ca_file, config, tokens);
            if let Some(sshd) = try_start(program, directory.path(), &text) {
                let sshd = Self {
                    directory,
                    port,
                    host_key,
                    _sshd: sshd,
                };
                fs::write(sshd.known_hosts_file(), sshd.known_hosts_line() + "\n")
                    .expect("known_hosts");
                return sshd;
            }
        }
        let log = fs::read_to_string(directory.path().join("log")).unwrap_or_default();
        panic!("sshd does not start:\n{log}");
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What sshd logged so far, at level DEBUG.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// Waits until the log holds `text`: what happened on the server's side of
    /// an ssh that ended may come a moment later.
    pub fn wait_for_log(&self, text: &str) -> String {
        wait_until(text, || Some(self.log()).filter(|log| log.contains(text)))
    }

    /// The host key as `type base64`.
    pub fn host_key(&self) -> &str {
        &self.host_key
    }

    /// A line for `known_hosts` that knows this server as 127.0.0.1 and localhost.
    pub fn known_hosts_line(&self) -> String {
        format!(
            "[127.0.0.1]:{0},[localhost]:{0} {1}",
            self.port, self.host_key
        )
    }

    /// A file with [`Sshd::known_hosts_line`].
    pub fn known_hosts_file(&self) -> PathBuf {
        self.directory.path().join("known_hosts")
    }

    /// Arguments with which ssh reaches this server, and nothing of the machine's
    /// configuration or of the real user's `~/.ssh` has a say. The host (127.0.0.1
    /// or localhost) comes after them.
    pub fn ssh_args(&self) -> Vec<String> {
        self.options("-p")
    }

    /// As [`Sshd::ssh_args`], for scp and sftp.
    pub fn scp_args(&self) -> Vec<String> {
        self.options("-P")
    }

    fn options(&self, port: &str) -> Vec<String> {
        let options = [
            format!("UserKnownHostsFile={}", self.known_hosts_file().display()),
            "GlobalKnownHostsFile=/dev/null".to_owned(),
            "StrictHostKeyChecking=yes".to_owned(),
            "AddressFamily=inet".to_owned(),
            "BatchMode=yes".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            "IdentityFile=none".to_owned(),
            format!("User={}", user_name()),
        ];
        let mut args = vec![
            "-F".to_owned(),
            "/dev/null".to_owned(),
            port.to_owned(),
            self.port.to_string(),
        ];
        args.extend(
            options
                .into_iter()
                .flat_map(|option| ["-o".to_owned(), option]),
        );
        args
    }
}

fn sshd_config(
    directory: &Path,
    port: u16,
    verifier: Verifier,
    ca_file: &Path,
    first: &str,
    tokens: &str,
) -> String {
    let here = directory.display();
    let mut config = format!(
        "{first}\nPort {port}\nListenAddress 127.0.0.1\nHostKey {here}/host_key\nPidFile none\n\
         UsePAM no\nStrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         PermitRootLogin prohibit-password\nAllowAgentForwarding yes\nAllowTcpForwarding yes\n\
         MaxStartups 200\nMaxSessions 200\nUseDNS no\nPrintMotd no\nLogLevel DEBUG\n\
         Subsystem sftp internal-sftp\n"
    );
    let command = match verifier {
        Verifier::Keys(keys) => {
            let file = directory.join("authorized_keys");
            fs::write(&file, keys).expect("authorized_keys");
            let _ = writeln!(config, "AuthorizedKeysFile {}", file.display());
            return config;
        }
        Verifier::Go { peer, etc } => peer.verify_command(etc, ca_file),
        // sshd takes no program from a directory that others may write, or
        // from a home: env is the program it sees.
        Verifier::Ours { binary, etc } => vec![
            "/usr/bin/env".to_owned(),
            format!("SSL_CERT_FILE={}", ca_file.display()),
            "SSL_CERT_DIR=/nonexistent".to_owned(),
            binary.display().to_string(),
            "verify".to_owned(),
            "--etc".to_owned(),
            etc.dir().display().to_string(),
            "--cache".to_owned(),
            etc.cache_dir().display().to_string(),
            "--log-file".to_owned(),
            etc.log_file().display().to_string(),
        ],
    };
    let user = user_name();
    let _ = writeln!(
        config,
        "AuthorizedKeysFile none\nAuthorizedKeysCommandUser {user}"
    );
    let _ = writeln!(
        config,
        "AuthorizedKeysCommand {} %u %k %t {tokens}",
        command.join(" ")
    );
    config
}

/// None when sshd gave up at once.
fn try_start(program: &Path, directory: &Path, config: &str) -> Option<Running> {
    let (file, log) = (directory.join("sshd_config"), directory.join("log"));
    fs::write(&file, config).expect("sshd_config");
    let _ = fs::remove_file(&log);
    let mut sshd = Run::new(program)
        .arg("-D")
        .arg("-f")
        .arg(&file)
        .arg("-E")
        .arg(&log)
        .start();
    wait_until("sshd listens", || {
        let listens = fs::read_to_string(&log).is_ok_and(|log| log.contains("Server listening on"));
        (listens || sshd.has_ended()).then_some(())
    });
    (!sshd.has_ended()).then_some(sshd)
}

fn make_host_key(directory: &Path) -> String {
    let file = directory.join("host_key");
    let made = Run::new(program("ssh-keygen"))
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(&file)
        .run();
    made.stdout();
    let line = fs::read_to_string(file.with_extension("pub")).expect("the host's public key");
    line.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Root's sshd wants the directory that the system's service makes when it
/// starts; where no sshd service ever ran, it is missing.
fn provide_privilege_separation_directory() {
    if rustix::process::getuid().is_root() {
        fs::create_dir_all("/run/sshd").expect("root's sshd needs /run/sshd");
    }
}
