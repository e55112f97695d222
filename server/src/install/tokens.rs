//! Tokens of sshd's AuthorizedKeysCommand beyond `%u %k %t`, and which sshd supports them.

use std::path::Path;

use crate::arguments::Argument;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenSshVersion {
    pub major: u32,
    pub minor: u32,
}

impl OpenSshVersion {
    /// First version with `%C` and `%D` in AuthorizedKeysCommand.
    ///
    /// `sshd -t` accepts any token in any version. But an sshd with an unknown token closes every
    /// connection for which it would run the command, even for plain keys.
    pub const WITH_CONNECTION: Self = Self { major: 9, minor: 4 };

    /// Finds `OpenSSH_9.2p1` in the output of `sshd -V`. Older versions print it above their usage.
    pub fn find(text: &str) -> Option<Self> {
        let (_, version) = text.split_once("OpenSSH_")?;
        let (major, rest) = version.split_once('.')?;
        let minor = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }

    /// Returns true if this sshd supports the tokens for all declared arguments.
    pub fn knows(self, arguments: &[Argument]) -> bool {
        arguments.is_empty() || self >= Self::WITH_CONNECTION
    }
}

/// Returns the command for sshd: the program, `%u %k %t`, and a token per argument.
pub fn authorized_keys_command(program: &Path, arguments: &[Argument]) -> String {
    let mut command = format!("{} verify %u %k %t", program.display());
    for argument in arguments {
        command.push(' ');
        command.push_str(argument.token());
    }
    command
}

/// Returns true if the command passes the declared arguments directly after `%t`.
pub fn passes(command: &str, arguments: &[Argument]) -> bool {
    let mut words = command.split_whitespace().skip_while(|word| *word != "%t");
    words.next();
    arguments
        .iter()
        .all(|argument| words.next() == Some(argument.token()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [Argument; 2] = [Argument::Connection, Argument::RoutingDomain];

    #[test]
    fn versions_that_know_the_tokens() {
        let knows = |text: &str| OpenSshVersion::find(text).map(|version| version.knows(&BOTH));
        for (text, expected) in [
            ("OpenSSH_9.2, OpenSSL 3.0.19 27 Jan 2026", Some(false)),
            ("OpenSSH_9.3p2, LibreSSL 3.7.3", Some(false)),
            ("OpenSSH_9.4p1 Debian-1, OpenSSL 3.0.10", Some(true)),
            ("OpenSSH_10.0p2 Debian-7, OpenSSL 3.5.9", Some(true)),
            (
                "unknown option -- V\nOpenSSH_8.4p1, OpenSSL 1.1.1\nusage: sshd",
                Some(false),
            ),
            ("OpenSSH_for_Windows_9.5p1", None),
            ("usage: sshd", None),
            ("", None),
        ] {
            assert_eq!(knows(text), expected, "{text}");
        }
        let old = OpenSshVersion { major: 7, minor: 9 };
        assert!(old.knows(&[]));
    }

    #[test]
    fn the_command_has_what_is_declared_in_its_order() {
        let program = Path::new("/usr/local/bin/opkssh");
        let command = authorized_keys_command(program, &[]);
        assert_eq!(command, "/usr/local/bin/opkssh verify %u %k %t");
        assert!(passes(&command, &[]));
        assert!(!passes(&command, &BOTH));
        let [connection, domain] = BOTH;
        let command = authorized_keys_command(program, &[domain, connection]);
        assert_eq!(command, "/usr/local/bin/opkssh verify %u %k %t %D %C");
        assert!(passes(&command, &[domain, connection]));
        assert!(passes(&command, &[domain]));
        assert!(!passes(&command, &BOTH));
        assert!(!passes("/x verify %u %k %t %f %C", &BOTH[..1]));
        assert!(!passes("/x verify", &BOTH[..1]));
    }
}
