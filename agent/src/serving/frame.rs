//! Frames of the agent protocol (RFC 9987 section 3) and of the control socket: a 32-bit big-endian
//! length and that many bytes.

use std::io;
use std::ops::RangeInclusive;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use zeroize::Zeroizing;

/// How long the rest of a begun frame may take, and how long a frame may wait to be taken.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(30);

/// Reads one frame of one of these lengths, which may hold a password; `None` when the peer has closed the connection
/// between two. The next frame may take as long as it likes to begin, and `limit` from there on.
pub async fn read(
    reader: &mut (impl AsyncRead + Unpin),
    lengths: RangeInclusive<usize>,
    limit: Duration,
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut length = [0; 4];
    let got = reader.read(&mut length).await?;
    if got == 0 {
        return Ok(None);
    }
    let rest = async {
        reader.read_exact(&mut length[got..]).await?;
        let length = u32::from_be_bytes(length) as usize;
        if !lengths.contains(&length) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a frame of a forbidden length",
            ));
        }
        // read in steps, so that an announced length alone costs nothing
        let mut frame = Zeroizing::new(Vec::new());
        reader.take(length as u64).read_to_end(&mut frame).await?;
        match frame.len() < length {
            true => Err(io::ErrorKind::UnexpectedEof.into()),
            false => Ok(Some(frame)),
        }
    };
    timeout(limit, rest).await?
}

/// Writes one frame, in no more time than `limit`.
pub async fn write(
    writer: &mut (impl AsyncWrite + Unpin),
    message: &[u8],
    limit: Duration,
) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let frame = Zeroizing::new([&length.to_be_bytes(), message].concat());
    let written = async {
        writer.write_all(&frame).await?;
        writer.flush().await
    };
    timeout(limit, written).await?
}

#[cfg(test)]
mod tests {
    use opkssh_protocol::control::MAX_FRAME;

    use super::*;

    const LENGTHS: RangeInclusive<usize> = 1..=MAX_FRAME;

    async fn read_frame(
        reader: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        read(reader, LENGTHS, FRAME_TIMEOUT).await
    }

    #[tokio::test]
    async fn forbidden_lengths_are_refused_before_reading_on() {
        for length in [0u32, MAX_FRAME as u32 + 1, u32::MAX] {
            let bytes = length.to_be_bytes();
            let error = read_frame(&mut &bytes[..]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
    }

    #[tokio::test]
    async fn a_message_ends_with_its_frame() {
        let mut bytes = &b"\0\0\0\x02ab\0\0\0\x01c"[..];
        assert_eq!(
            read_frame(&mut bytes).await.unwrap().unwrap()[..],
            b"ab"[..]
        );
        assert_eq!(read_frame(&mut bytes).await.unwrap().unwrap()[..], b"c"[..]);
        assert!(read_frame(&mut bytes).await.unwrap().is_none());
        assert!(read_frame(&mut &b"\0\0\0\x02a"[..]).await.is_err());
        assert!(read_frame(&mut &b"\0\0"[..]).await.is_err());
    }

    #[tokio::test]
    async fn a_message_that_stalls_ends_the_connection() {
        for begun in [&b"\0"[..], b"\0\0\0\x05", b"\0\0\0\x05abcd"] {
            let (mut here, mut there) = tokio::io::duplex(64);
            there.write_all(begun).await.unwrap();
            let error = read(&mut here, LENGTHS, Duration::ZERO).await.unwrap_err();
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
