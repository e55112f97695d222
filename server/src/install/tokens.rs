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
mod tests;
