//! Queries sshd about its configuration. sshd is never restarted, and configuration that it refuses
//! is removed again.

use std::ffi::OsStr;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::tokens::OpenSshVersion;
use crate::admin_error::AdminError;
use crate::process::{self, ProcessError};

const PLACES: [&str; 3] = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"];
const TIMEOUT: Duration = Duration::from_secs(30);

pub struct Sshd(&'static str);

/// Output of `sshd -T`: one setting per line, outside Match blocks.
pub struct SshdSettings(String);

/// The configured AuthorizedKeysCommand, outside Match blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SshdState {
    None,
    /// An opkssh program, this one or Go's, and the AuthorizedKeysCommandUser.
    Opkssh {
        command: String,
        user: Option<String>,
    },
    Other(String),
}

impl Sshd {
    pub fn find() -> Result<Self, AdminError> {
        process::installed(&PLACES).map(Self).ok_or_else(|| {
            AdminError::new("there is no sshd in /usr/sbin, /usr/local/sbin or /usr/bin")
                .hinting("install the OpenSSH server first")
        })
    }

    pub fn check(&self) -> Result<(), ProcessError> {
        self.ask(&[OsStr::new("-t")]).map(|_| ())
    }

    /// Runs `sshd -T`, which resolves Include and the order of files.
    pub fn state(&self) -> Result<SshdState, ProcessError> {
        Ok(self.settings(None)?.state())
    }

    /// Returns the output of `sshd -T` for its own configuration or for `config`. Needs root.
    pub fn settings(&self, config: Option<&Path>) -> Result<SshdSettings, ProcessError> {
        let mut words = vec![OsStr::new("-T")];
        if let Some(config) = config {
            words.extend([OsStr::new("-f"), config.as_os_str()]);
        }
        let text = String::from_utf8_lossy(&self.ask(&words)?).into_owned();
        Ok(SshdSettings(text))
    }

    /// Returns OpenSSH's version; `None` for another sshd.
    pub fn version(&self) -> Option<OpenSshVersion> {
        let output = Command::new(self.0).arg("-V").output().ok()?;
        // on stderr, and with an error in versions without that option
        OpenSshVersion::find(&String::from_utf8_lossy(&output.stderr))
    }

    /// Runs sshd with these arguments. Temporarily creates the privilege separation directory,
    /// which can be missing while sshd is not running.
    fn ask(&self, words: &[&OsStr]) -> Result<Vec<u8>, ProcessError> {
        let ask = || {
            let mut command = Command::new(self.0);
            command.args(words);
            process::answer(command, TIMEOUT)
        };
        match ask() {
            Err(ProcessError::Failed { complaint, .. })
                if let Some(directory) = missing_directory(&complaint) =>
            {
                let made = DirBuilder::new().mode(0o755).create(&directory);
                let answer = ask();
                if made.is_ok() {
                    let _ = std::fs::remove_dir(&directory);
                }
                answer
            }
            answer => answer,
        }
    }
}

/// Returns the privilege separation directory, if sshd reports it as missing.
fn missing_directory(complaint: &str) -> Option<PathBuf> {
    let (_, path) = complaint.split_once("Missing privilege separation directory: ")?;
    path.split_whitespace().next().map(PathBuf::from)
}

impl SshdSettings {
    /// Returns the value of a setting; its name is in lower case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut lines = self.0.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(str::trim)
    }

    pub fn state(&self) -> SshdState {
        let value = |name| self.get(name).filter(|value| *value != "none");
        let Some(command) = value("authorizedkeyscommand") else {
            return SshdState::None;
        };
        let mut words = command.split_whitespace();
        let program = words.next().map(Path::new).and_then(Path::file_name);
        let is_opkssh = program.is_some_and(|name| name == "opkssh");
        if is_opkssh && words.next() == Some("verify") {
            SshdState::Opkssh {
                command: command.to_owned(),
                user: value("authorizedkeyscommanduser").map(str::to_owned),
            }
        } else {
            SshdState::Other(command.to_owned())
        }
    }
}

/// A certificate type, its signature algorithm, and what uses it.
const KEYS: [(&str, &str, &str); 2] = [
    (
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256",
        "P-256 keys, the default of opkssh login",
    ),
    (
        "ssh-ed25519-cert-v01@openssh.com",
        "ssh-ed25519",
        "Ed25519 keys",
    ),
];

/// Returns the settings that make sshd refuse our certificates, with the reason.
pub fn refusals(settings: &SshdSettings) -> Vec<String> {
    if settings.get("pubkeyauthentication") == Some("no") {
        return vec!["PubkeyAuthentication is no: sshd accepts no certificate".to_owned()];
    }
    let mut found = Vec::new();
    for (certificate, signature, keys) in KEYS {
        for (setting, wanted) in [
            ("PubkeyAcceptedAlgorithms", certificate),
            // its name before OpenSSH 8.5
            ("PubkeyAcceptedKeyTypes", certificate),
            ("CASignatureAlgorithms", signature),
        ] {
            let lacks = |list: &str| !list.split(',').any(|one| one == wanted);
            if settings.get(&setting.to_lowercase()).is_some_and(lacks) {
                found.push(format!(
                    "{setting} lacks {wanted}: sshd refuses certificates with {keys}"
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
