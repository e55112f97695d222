//! `opkssh login --log-dir`: copies messages to a file. Requested keys and tokens are not copied.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::report::CommandFailure;

/// Writes to stdout or stderr and, with timestamps, to a log file if there is one.
pub struct LoggedOutput {
    shown: Box<dyn Write>,
    copy: Option<File>,
    line: Vec<u8>,
}

impl LoggedOutput {
    /// Opens `opkssh.log` in `directory`, which must exist, with the mode of Go's client, 0660.
    pub fn new(directory: Option<&Path>, on_stderr: bool) -> Result<Self, CommandFailure> {
        let open = |directory: &Path| {
            let file = directory.join("opkssh.log");
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o660)
                .open(&file)
                .map_err(|error| {
                    CommandFailure::new(
                        format!("cannot write {}: {error}", file.display()),
                        Some("name an existing directory with --log-dir".into()),
                    )
                })
        };
        Ok(Self {
            shown: match on_stderr {
                true => Box::new(io::stderr()),
                false => Box::new(io::stdout()),
            },
            copy: directory.map(open).transpose()?,
            line: Vec::new(),
        })
    }
}

impl Write for LoggedOutput {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if let Some(copy) = &mut self.copy {
            for byte in text {
                self.line.push(*byte);
                if *byte == b'\n' {
                    let now = jiff::Zoned::now()
                        .strftime("%Y/%m/%d %H:%M:%S ")
                        .to_string();
                    let line = [now.as_bytes(), &self.line].concat();
                    self.line.clear();
                    copy.write_all(&line)?;
                }
            }
        }
        // a closed stdout does not end a login
        let _ = self.shown.write_all(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.shown.flush();
        Ok(())
    }
}
