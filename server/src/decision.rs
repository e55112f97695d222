//! The decision of `verify` as one log line.
//!
//! The server's own data comes first: verdict, account, source. Data from the client follows, in
//! quotes. Tokens and certificates are never included.

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
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            key: Some("SHA256:abc+/".into()),
            keys_age: Some(312),
            issuer: Some("https://op.example".into()),
            subject: Some("248289".into()),
            email: Some("alice@x.example".into()),
            key_id: Some("alice@x.example".into()),
        }
    }

    fn line(account: &str, outcome: &Outcome, seen: &Seen) -> String {
        let decision = Decision {
            account,
            outcome,
            seen,
        };
        decision.to_string()
    }

    #[test]
    fn what_the_server_knows_comes_first() {
        let rule = "/etc/opk/rules.yml rule \"staff\"".to_owned();
        assert_eq!(
            line("alice", &Outcome::Allowed { rule }, &seen()),
            "successfully verified account=alice rule=\"/etc/opk/rules.yml rule \\\"staff\\\"\" \
             key=SHA256:abc+/ keys=\"from the cache, 312 s old\" issuer=\"https://op.example\" \
             subject=\"248289\" email=\"alice@x.example\" key_id=\"alice@x.example\""
        );
        let refused = Outcome::Refused {
            reason: "denied user alice".into(),
        };
        assert_eq!(
            line("alice", &refused, &Seen::default()),
            "failed to verify account=alice reason=\"denied user alice\""
        );
        let fallback = Outcome::ByFallback {
            program: "/usr/bin/sss_ssh_authorizedkeys".into(),
            bytes: 80,
            reason: "no".into(),
        };
        assert_eq!(
            line("alice", &fallback, &Seen::default()),
            "left to fallback account=alice fallback=/usr/bin/sss_ssh_authorizedkeys bytes=80 \
             reason=\"no\""
        );
    }

    #[test]
    fn a_client_forges_neither_fields_nor_lines() {
        let hostile = "x\" account=root\n\u{202e}\u{1b}[2J\\";
        let seen = Seen {
            key: None,
            keys_age: None,
            issuer: Some(hostile.into()),
            subject: Some("s".repeat(5000)),
            email: None,
            key_id: Some(hostile.into()),
        };
        let refused = Outcome::Refused {
            reason: hostile.into(),
        };
        let escaped = "\"x\\\" account=root\\n\\u{202e}\\u{1b}[2J\\\\\"";
        assert_eq!(
            line("a b", &refused, &seen),
            format!(
                "failed to verify account=\"a b\" reason={escaped} issuer={escaped} \
                 subject=\"{}\"… key_id={escaped}",
                "s".repeat(128)
            )
        );
    }

    #[test]
    fn a_reason_is_bounded() {
        let refused = Outcome::Refused {
            reason: "r".repeat(100_000),
        };
        assert!(line("a", &refused, &Seen::default()).len() < MAX_REASON + 100);
    }
}
