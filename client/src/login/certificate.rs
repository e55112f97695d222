//! Reads a certificate from the agent socket (RFC 9987 section 3.5).

use std::io::{Read, Write};
use std::path::Path;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Stream};
use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::inspect;
use opkssh_protocol::pk_token::UnverifiedPkToken;
use opkssh_protocol::printable::printable_json;
use ssh_key::{Certificate, HashAlg};

use crate::connection::LOCAL_TIMEOUT;
use crate::error::ClientError;

/// `SSH_AGENTC_REQUEST_IDENTITIES` as a whole message.
const REQUEST_IDENTITIES: [u8; 5] = [0, 0, 0, 1, 11];
const IDENTITIES_ANSWER: u8 = 12;
/// OpenSSH's limit for an agent's message, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// A certificate of the user's own, to be shown.
pub struct HeldCertificate {
    line: String,
    certificate: UnverifiedCertificate,
}

impl HeldCertificate {
    /// Parses `type base64`.
    pub fn of_line(line: &str) -> Result<Self, ClientError> {
        let certificate = UnverifiedCertificate::parse_openssh(line).map_err(ClientError::key)?;
        Ok(Self {
            line: line.to_owned(),
            certificate,
        })
    }

    /// Returns the text that `opkssh inspect` shows.
    pub fn inspect(&self) -> Result<String, ClientError> {
        inspect::render(&self.line, &jiff::tz::TimeZone::system()).map_err(ClientError::key)
    }

    /// Returns the ID token's claims as indented JSON.
    pub fn id_token_claims(&self) -> Result<String, ClientError> {
        let token = UnverifiedPkToken::parse_compact(self.certificate.unverified_pk_token())
            .map_err(ClientError::key)?;
        serde_json::to_string_pretty(token.unverified_claims().all())
            .map(|claims| printable_json(&claims))
            .map_err(ClientError::key)
    }
}

/// Returns the certificate of the key with this fingerprint (`SHA256:…`).
pub fn held_certificate(
    agent_socket: &Path,
    fingerprint: &str,
) -> Result<HeldCertificate, ClientError> {
    let answer = ask(agent_socket).map_err(ClientError::io(format!(
        "cannot ask the agent at {}",
        agent_socket.display()
    )))?;
    certificates(&answer)
        .find_map(|blob| {
            let certificate = Certificate::from_bytes(blob).ok()?;
            let found = certificate
                .public_key()
                .fingerprint(HashAlg::Sha256)
                .to_string();
            if found != fingerprint {
                return None;
            }
            HeldCertificate::of_line(&certificate.to_openssh().ok()?).ok()
        })
        .ok_or_else(|| ClientError::Key {
            message:
                "the agent does not show the new certificate: the agent is locked, or `hosts:` \
                      restricts the account to some servers"
                    .into(),
        })
}

fn ask(agent_socket: &Path) -> std::io::Result<Vec<u8>> {
    let mut stream = Stream::connect(agent_socket.to_fs_name::<GenericFilePath>()?)?;
    stream.set_recv_timeout(Some(LOCAL_TIMEOUT))?;
    stream.write_all(&REQUEST_IDENTITIES)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_ANSWER {
        return Err(std::io::Error::other("its answer is too long"));
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Returns the key blobs of an identities answer up to the first malformed one.
fn certificates(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = match answer {
        [IDENTITIES_ANSWER, _, _, _, _, identities @ ..] => identities,
        _ => &[],
    };
    std::iter::from_fn(move || {
        let (blob, after) = string(rest)?;
        let (_comment, after) = string(after)?;
        rest = after;
        Some(blob)
    })
}

/// Splits an SSH string (RFC 4251 section 5) off `bytes`.
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_are_read_up_to_the_first_malformed_one() {
        let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 2];
        for text in ["blob1", "comment", "blob2", ""] {
            answer.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
            answer.extend_from_slice(text.as_bytes());
        }
        assert_eq!(
            certificates(&answer).collect::<Vec<_>>(),
            [b"blob1", b"blob2"]
        );
        answer.extend_from_slice(&[0xff; 7]);
        assert_eq!(certificates(&answer).count(), 2);
        answer[0] = 5;
        assert_eq!(certificates(&answer).count(), 0);
        assert_eq!(certificates(&[]).count(), 0);
    }
}
