//! The decision of `verify` as one log line.
//!
//! The server's own data comes first: verdict, account, source. Data from the client follows, in
//! quotes. Tokens and certificates are never included.

pub mod record;

use std::fmt::{self, Display, Formatter};

use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::id_token::Claims;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::printable::{printable, quoted};

/// Longest reason, in characters. Client data has its own limits.
const MAX_REASON: usize = 1000;

/// The line: `VERDICT account=… …`.
pub struct Decision<'a> {
    /// sshd's `%u`.
    pub account: &'a str,
    pub outcome: &'a Outcome,
    pub seen: &'a Seen,
}

/// Source of the lines for sshd, or reason for the refusal.
pub enum Outcome {
    /// Allowed by a rule, row or plugin: file and line, or file and rule.
    Allowed {
        rule: String,
    },
    Refused {
        reason: String,
    },
    /// Refused by opkssh; sshd got the output of the fallback command.
    ByFallback {
        program: String,
        bytes: usize,
        reason: String,
    },
}

/// Data seen before the decision. If the login was refused, it may be unverified.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Fingerprint of the certificate's key, as in `ssh-keygen -l` and sshd's log.
    pub key: Option<String>,
    /// Age of cached provider keys in seconds.
    pub keys_age: Option<i64>,
    pub issuer: Option<String>,
    pub subject: Option<String>,
    pub email: Option<String>,
    pub key_id: Option<String>,
}

impl Seen {
    pub fn in_certificate(certificate: &UnverifiedCertificate) -> Self {
        let token = UnverifiedPkToken::parse_compact(certificate.unverified_pk_token()).ok();
        let claims = token.as_ref().map(UnverifiedPkToken::unverified_claims);
        Self {
            key: Some(certificate.unverified_fingerprint()),
            keys_age: None,
            issuer: claims.map(|claims| claims.iss().to_owned()),
            subject: claims.map(|claims| claims.sub().to_owned()),
            email: claims.and_then(Claims::email).map(str::to_owned),
            key_id: Some(certificate.unverified_fields().key_id().to_owned()),
        }
    }
}

impl Display for Decision<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let account = PlainOrQuoted(self.account);
        match self.outcome {
            Outcome::Allowed { rule } => {
                let rule = printable(rule).quoted();
                write!(f, "successfully verified account={account} rule={rule}")?;
            }
            Outcome::Refused { .. } => write!(f, "failed to verify account={account}")?,
            Outcome::ByFallback { program, bytes, .. } => {
                let program = PlainOrQuoted(program);
                write!(
                    f,
                    "left to fallback account={account} fallback={program} bytes={bytes}"
                )?;
            }
        }
        // the fingerprint is computed here, so it needs no quotes
        if let Some(key) = &self.seen.key {
            write!(f, " key={}", PlainOrQuoted(key))?;
        }
        if let Some(age) = self.seen.keys_age {
            write!(f, " keys=\"from the cache, {age} s old\"")?;
        }
        if let Outcome::Refused { reason } | Outcome::ByFallback { reason, .. } = self.outcome {
            let reason = printable(reason).at_most(MAX_REASON).quoted();
            write!(f, " reason={reason}")?;
        }
        for (name, value) in [
            ("issuer", &self.seen.issuer),
            ("subject", &self.seen.subject),
            ("email", &self.seen.email),
            ("key_id", &self.seen.key_id),
        ] {
            if let Some(value) = value {
                write!(f, " {name}={}", quoted(value))?;
            }
        }
        Ok(())
    }
}

/// Writes a value of the server: plain if it is one word, otherwise in quotes.
struct PlainOrQuoted<'a>(&'a str);

impl Display for PlainOrQuoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let is_plain = |c: char| c.is_ascii_graphic() && !"\"'\\=".contains(c);
        if !self.0.is_empty() && self.0.len() <= 256 && self.0.chars().all(is_plain) {
            f.write_str(self.0)
        } else {
            write!(f, "{}", quoted(self.0))
        }
    }
}

#[cfg(test)]
mod tests;
