//! Reads the audit log and its full files, the oldest first, also while the agent writes and
//! rotates them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use opkssh_protocol::audit::{MAX_FULL, full_file};

pub struct AuditFiles {
    path: PathBuf,
    /// The newest file that was seen.
    current: Option<OpenFile>,
}

struct OpenFile {
    /// Device and inode; not used again while it is open.
    id: (u64, u64),
    reader: BufReader<File>,
    /// A line whose end was not written yet.
    unfinished: Vec<u8>,
}

impl AuditFiles {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            current: None,
        }
    }

    /// Gives each line to `each` that was written since the last call.
    pub fn read(&mut self, each: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        // looked for first: the file before a newer one gets no more lines
        let newer = self.newer()?;
        if let Some(current) = &mut self.current {
            current.read(each)?;
        }
        for mut file in newer {
            file.read(each)?;
            self.current = Some(file);
        }
        Ok(())
    }

    /// Opens the files that are newer than the current one, the oldest first. Files only move on to
    /// higher numbers meanwhile, so none is missed.
    fn newer(&self) -> io::Result<Vec<OpenFile>> {
        let mut found: Vec<OpenFile> = Vec::new();
        let full = (1..=MAX_FULL).map(|n| full_file(&self.path, n));
        for path in [self.path.clone()].into_iter().chain(full) {
            let file = match File::open(path) {
                Ok(file) => OpenFile::new(file)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if self.current.as_ref().is_some_and(|it| it.id == file.id) {
                break;
            }
            if !found.iter().any(|it| it.id == file.id) {
                found.push(file);
            }
        }
        found.reverse();
        Ok(found)
    }
}

impl OpenFile {
    fn new(file: File) -> io::Result<Self> {
        let found = file.metadata()?;
        Ok(Self {
            id: (found.dev(), found.ino()),
            reader: BufReader::new(file),
            unfinished: Vec::new(),
        })
    }

    fn read(&mut self, each: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        loop {
            self.reader.read_until(b'\n', &mut self.unfinished)?;
            let Some((b'\n', line)) = self.unfinished.split_last() else {
                return Ok(());
            };
            each(&String::from_utf8_lossy(line))?;
            self.unfinished.clear();
        }
    }
}
