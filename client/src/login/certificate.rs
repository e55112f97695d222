//! Reads a certificate from the agent socket (RFC 9987 section 3.5).

use std::io::{Read, Write};
use std::path::Path;

use interprocess::local_socket::prelude::*;
use interprocess::local_socket::{GenericFilePath, Stream};
use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::wire::Reader;

use crate::connection::LOCAL_TIMEOUT;
use crate::error::ClientError;

/// `SSH_AGENTC_REQUEST_IDENTITIES` as a whole message.
const REQUEST_IDENTITIES: [u8; 5] = [0, 0, 0, 1, 11];
const IDENTITIES_ANSWER: u8 = 12;
/// OpenSSH's limit for an agent's message, in bytes.
const MAX_ANSWER: usize = 256 * 1024;

/// Returns `type base64` of the certificate whose key has this fingerprint (`SHA256:…`).
pub fn held_certificate(agent_socket: &Path, fingerprint: &str) -> Result<String, ClientError> {
    let what = format!("cannot ask the agent at {}", agent_socket.display());
    let answer = ask(agent_socket).map_err(ClientError::io(what))?;
    certificates(&answer)
        .filter_map(|blob| UnverifiedCertificate::parse(blob).ok())
        .find(|certificate| certificate.unverified_fingerprint() == fingerprint)
        .map(|certificate| certificate.openssh())
        .ok_or_else(|| {
            ClientError::without_hint(
                "the agent does not show the new certificate: the agent is locked, or `hosts:` \
                 restricts the account to some servers",
            )
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
    let mut fields = Reader::new(answer);
    let is_answer = matches!((fields.u8(), fields.u32()), (Ok(IDENTITIES_ANSWER), Ok(_)));
    std::iter::from_fn(move || {
        let blob = fields.string().ok().filter(|_| is_answer)?;
        let _comment = fields.string().ok()?;
        Some(blob)
    })
}

#[cfg(test)]
mod tests;
