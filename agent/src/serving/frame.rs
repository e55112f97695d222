//! Frames of the agent protocol: a 32-bit big-endian length and that many bytes (RFC 9987
//! section 3).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// As OpenSSH's agent. Checked before anything is allocated.
pub const MAX_FRAME: usize = 256 * 1024;

/// Reads one message; `None` when the peer has closed the connection between two.
pub async fn read(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match reader.read(&mut length).await? {
        0 => return Ok(None),
        got => reader.read_exact(&mut length[got..]).await?,
    };
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
    Ok(Some(message))
}

pub async fn write(writer: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> io::Result<()> {
    let length = u32::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidData)?;
    let mut frame = Vec::with_capacity(4 + message.len());
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(message);
    writer.write_all(&frame).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn forbidden_lengths_are_refused_before_reading_on() {
        for length in [0u32, MAX_FRAME as u32 + 1, u32::MAX] {
            let bytes = length.to_be_bytes();
            let error = read(&mut &bytes[..]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
        }
    }

    #[tokio::test]
    async fn a_message_ends_with_its_frame() {
        let mut bytes = &b"\0\0\0\x02ab\0\0\0\x01c"[..];
        assert_eq!(read(&mut bytes).await.unwrap().unwrap(), b"ab");
        assert_eq!(read(&mut bytes).await.unwrap().unwrap(), b"c");
        assert!(read(&mut bytes).await.unwrap().is_none());
        assert!(read(&mut &b"\0\0\0\x02a"[..]).await.is_err());
        assert!(read(&mut &b"\0\0"[..]).await.is_err());
    }
}
