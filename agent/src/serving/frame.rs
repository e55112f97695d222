//! Frames of the agent protocol: a 32-bit big-endian length and that many bytes (RFC 9987
//! section 3).

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// As OpenSSH's agent. Checked before anything is allocated.
pub const MAX_FRAME: usize = 256 * 1024;

/// How long the rest of a begun message may take, and how long an answer may wait to be taken.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Reads one message; `None` when the peer has closed the connection between two. The next
/// message may take as long as it likes to begin, and `patience` from there on.
pub async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    patience: Duration,
) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match reader.read(&mut length).await? {
        0 => Ok(None),
        got => within(patience, read_rest(reader, length, got))
            .await
            .map(Some),
    }
}

/// Writes one message, in no more time than `patience`.
pub async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    message: &[u8],
    patience: Duration,
) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut frame = Vec::with_capacity(4 + message.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    within(patience, async {
        writer.write_all(&frame).await?;
        writer.flush().await
    })
    .await
}

async fn read_rest(
    reader: &mut (impl AsyncRead + Unpin),
    mut length: [u8; 4],
    got: usize,
) -> io::Result<Vec<u8>> {
    reader.read_exact(&mut length[got..]).await?;
    let length = u32::from_be_bytes(length) as usize;
    if length == 0 || length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a frame of a forbidden length",
        ));
    }
    // read in steps, so that an announced length alone costs nothing
    let mut message = Vec::new();
    reader.take(length as u64).read_to_end(&mut message).await?;
    if message.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(message)
}

async fn within<T>(patience: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    tokio::time::timeout(patience, work)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forbidden_lengths_are_refused_before_reading_on() {
        for length in [0u32, MAX_FRAME as u32 + 1, u32::MAX] {
            let bytes = length.to_be_bytes();
            let error = read(&mut &bytes[..], PATIENCE).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
    }

    #[tokio::test]
    async fn a_message_ends_with_its_frame() {
        let mut bytes = &b"\0\0\0\x02ab\0\0\0\x01c"[..];
        assert_eq!(read(&mut bytes, PATIENCE).await.unwrap().unwrap(), b"ab");
        assert_eq!(read(&mut bytes, PATIENCE).await.unwrap().unwrap(), b"c");
        assert!(read(&mut bytes, PATIENCE).await.unwrap().is_none());
        assert!(read(&mut &b"\0\0\0\x02a"[..], PATIENCE).await.is_err());
        assert!(read(&mut &b"\0\0"[..], PATIENCE).await.is_err());
    }

    #[tokio::test]
    async fn a_message_that_stalls_ends_the_connection() {
        for begun in [&b"\0"[..], b"\0\0\0\x05", b"\0\0\0\x05abcd"] {
            let (mut here, mut there) = tokio::io::duplex(64);
            there.write_all(begun).await.unwrap();
            let error = read(&mut here, Duration::ZERO).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_ends_the_connection() {
        let (mut here, _there) = tokio::io::duplex(64);
        let error = write(&mut here, &[0; 65], Duration::ZERO).await;
        assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }
}
