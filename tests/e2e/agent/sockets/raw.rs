//! The agent protocol and the control protocol by hand: what no honest client would say.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

// RFC 9987 section 6.1
pub const FAILURE: u8 = 5;
pub const REQUEST_IDENTITIES: u8 = 11;
pub const IDENTITIES_ANSWER: u8 = 12;
pub const SIGN_REQUEST: u8 = 13;
pub const SIGN_RESPONSE: u8 = 14;

/// An answer takes this long only when there will be none.
const LIMIT: Duration = Duration::from_secs(60);

/// One connection.
pub struct Raw(UnixStream);

impl Raw {
    pub fn connect(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Self(stream)
    }

    /// Bytes as they are. That the other side has hung up is found out by reading.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// The body of the next frame; `None` when the other side hung up.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 4];
        if !self.fill(&mut length) {
            return None;
        }
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        self.fill(&mut body).then_some(body)
    }

    pub fn ask(&mut self, body: &[u8]) -> Vec<u8> {
        self.send(&frame(body));
        self.receive().unwrap()
    }

    fn fill(&mut self, buffer: &mut [u8]) -> bool {
        match self.0.read_exact(buffer) {
            Ok(()) => true,
            Err(error) => match error.kind() {
                io::ErrorKind::UnexpectedEof
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::BrokenPipe => false,
                _ => panic!("no answer, and no hang-up: {error}"),
            },
        }
    }
}

/// A frame of either protocol: length and body.
pub fn frame(body: &[u8]) -> Vec<u8> {
    string(body)
}

/// RFC 4251 section 5.
pub fn string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes(), bytes].concat()
}

/// A session bind that nobody signed (PROTOCOL.agent section 1).
pub fn forged_bind() -> Vec<u8> {
    [
        &[27][..],
        &string(b"session-bind@openssh.com"),
        &string(b"key"),
        &string(b"id"),
        &string(b"signature"),
        &[0],
    ]
    .concat()
}

/// A request to sign `data` with the key or certificate `blob`.
pub fn sign_request(blob: &[u8], data: &[u8]) -> Vec<u8> {
    sign_request_with(blob, data, 0)
}

/// With these flags (RFC 9987 section 3.6.1).
pub fn sign_request_with(blob: &[u8], data: &[u8], flags: u32) -> Vec<u8> {
    let (blob, data) = (string(blob), string(data));
    [&[SIGN_REQUEST][..], &blob, &data, &flags.to_be_bytes()].concat()
}

/// The first certificate in an identities answer.
pub fn first_identity(answer: &[u8]) -> Option<Vec<u8>> {
    assert_eq!(answer[0], IDENTITIES_ANSWER);
    let length = u32::from_be_bytes(answer.get(5..9)?.try_into().unwrap()) as usize;
    Some(answer[9..9 + length].to_vec())
}
