//! The only module that writes lines for sshd.
//!
//! A line consists of checked parts only, so that nothing in a token, certificate or file can add
//! an option or a second line.

mod options;

pub use options::{
    Endpoint, ExpiryTime, Flag, Options, Quoted, Source, UnsafeOption, VariableName,
};

use std::fmt;
use std::io::{self, ErrorKind, Write};

use opkssh_protocol::certificate::{VerifiedCertificate, is_principal};
use opkssh_protocol::printable::quoted;

/// One line of authorized_keys: the certificate's key as an authority for the certificate's own
/// principals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedKey {
    principals: Vec<String>,
    key_type: &'static str,
    key_base64: String,
    options: Box<Options>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeLine {
    #[error("cert contains invalid principal {}, rejecting authn", quoted(.0))]
    Principal(String),
    #[error("the certificate's key cannot be written to authorized_keys")]
    Key,
}

const KEY_TYPES: [&str; 2] = ["ecdsa-sha2-nistp256", "ssh-ed25519"];

impl AuthorizedKey {
    /// Builds the line for a verified certificate. Checks the parts again, because sshd trusts this
    /// line.
    pub fn for_certificate(certificate: &VerifiedCertificate) -> Result<Self, UnsafeLine> {
        Self::from_parts(certificate.principals(), &certificate.openssh_public_key())
    }

    fn from_parts(principals: &[String], openssh_key: &str) -> Result<Self, UnsafeLine> {
        if let Some(bad) = principals.iter().find(|principal| !is_principal(principal)) {
            return Err(UnsafeLine::Principal(bad.clone()));
        }
        let (kind, key_base64) = openssh_key.split_once(' ').ok_or(UnsafeLine::Key)?;
        let key_type = KEY_TYPES
            .into_iter()
            .find(|known| *known == kind)
            .ok_or(UnsafeLine::Key)?;
        let is_base64 = |c: u8| c.is_ascii_alphanumeric() || b"+/=".contains(&c);
        if key_base64.is_empty() || !key_base64.bytes().all(is_base64) {
            return Err(UnsafeLine::Key);
        }
        Ok(Self {
            principals: principals.to_vec(),
            key_type,
            key_base64: key_base64.to_owned(),
            options: Box::default(),
        })
    }

    /// Returns true if the line sets environment variables, which sshd ignores by default.
    pub fn sets_environment(&self) -> bool {
        !self.options.environment.is_empty()
    }

    /// Returns the same line with these options.
    #[must_use]
    pub fn with_options(self, options: Options) -> Self {
        Self {
            options: Box::new(options),
            ..self
        }
    }
}

/// Writes the line without its line feed; without options, as Go writes it.
impl fmt::Display for AuthorizedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cert-authority")?;
        if !self.principals.is_empty() {
            write!(f, ",principals=\"{}\"", self.principals.join(","))?;
        }
        write!(f, "{} {} {}", self.options, self.key_type, self.key_base64)
    }
}

/// Writes the line for sshd in one call. A closed pipe is no error: sshd closes early once it has
/// read enough.
pub fn write(key: &AuthorizedKey, out: &mut impl Write) -> io::Result<()> {
    write_lines(format!("{key}\n").as_bytes(), out)
}

/// Writes lines of another command unchanged, otherwise like [`write`].
pub fn write_lines(lines: &[u8], out: &mut impl Write) -> io::Result<()> {
    match out.write_all(lines).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
