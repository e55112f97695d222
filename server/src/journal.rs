//! systemd's journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).

use std::io::{self, Write};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

const SOCKET: &str = "/run/systemd/journal/socket";
/// Time limit: a hanging journal must not delay a login.
const TIMEOUT: Duration = Duration::from_secs(1);

/// A connection; each write is one message.
pub struct Journal(UnixDatagram);

impl Journal {
    pub fn connect() -> io::Result<Self> {
        Self::connect_to(Path::new(SOCKET))
    }

    fn connect_to(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(path)?;
        socket.set_write_timeout(Some(TIMEOUT))?;
        Ok(Self(socket))
    }
}

impl Write for Journal {
    /// Sends `line` as one message with priority "info".
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let head = b"PRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=opkssh\nMESSAGE=";
        self.0.send(&[head, line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_message() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let journal = UnixDatagram::bind(&path).unwrap();
        let mut connection = Journal::connect_to(&path).unwrap();
        connection.write_all(b"pid=1 failed to verify\n").unwrap();
        let mut message = [0; 256];
        let length = journal.recv(&mut message).unwrap();
        assert_eq!(
            String::from_utf8_lossy(&message[..length]),
            "PRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=opkssh\n\
             MESSAGE=pid=1 failed to verify\n"
        );
    }
}
