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
mod tests;
