//! `opkssh login --log-dir`: what is shown goes to a file, too. Keys and tokens, which are printed
//! and not shown, never do.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::report::Failure;

/// Stdout, and a copy with times if asked for.
pub struct Shown {
    copy: Option<File>,
    line: Vec<u8>,
}

impl Shown {
    /// The copy is `opkssh.log` in `directory`, which must exist; mode 0660, as Go's.
    pub fn new(directory: Option<&Path>) -> Result<Self, Failure> {
        let open = |directory: &Path| {
            let file = directory.join("opkssh.log");
            OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o660)
                .open(&file)
                .map_err(|error| {
                    Failure::new(
                        format!("cannot write {}: {error}", file.display()),
                        Some("name a directory that exists with --log-dir".into()),
                    )
                })
        };
        Ok(Self {
            copy: directory.map(open).transpose()?,
            line: Vec::new(),
        })
    }
}

impl Write for Shown {
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
        let _ = io::stdout().write_all(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = io::stdout().flush();
        Ok(())
    }
}
