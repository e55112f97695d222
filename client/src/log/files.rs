//! Reads the audit log and its full files, the oldest first, also while the agent writes and
//! rotates them.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use opkssh_files::open_regular;
use opkssh_protocol::audit::{MAX_FULL, full_file};

/// Length limit of a line, in bytes. The agent writes none that is longer.
const MAX_LINE: usize = 256 << 10;

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
    /// Whether the line being read is longer than the limit.
    is_too_long: bool,
}

impl AuditFiles {
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            current: None,
        }
    }

    /// Gives each line to `each` that was written since the last call; an empty one for a line that
    /// is too long.
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
            let file = match OpenFile::open(&path) {
                Ok(file) => file,
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
    fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        let found = file.metadata()?;
        Ok(Self {
            id: (found.dev(), found.ino()),
            reader: BufReader::new(file),
            unfinished: Vec::new(),
            is_too_long: false,
        })
    }

    fn read(&mut self, each: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        self.skip_what_was_cut()?;
        loop {
            let room = (MAX_LINE - self.unfinished.len()) as u64;
            let mut limited = (&mut self.reader).take(room);
            limited.read_until(b'\n', &mut self.unfinished)?;
            if let Some((b'\n', line)) = self.unfinished.split_last() {
                if !self.is_too_long {
                    each(&String::from_utf8_lossy(line))?;
                }
                self.is_too_long = false;
            } else if self.unfinished.len() < MAX_LINE {
                return Ok(());
            } else if !self.is_too_long {
                self.is_too_long = true;
                each("")?;
            }
            self.unfinished.clear();
        }
    }

    /// Goes to the end of a file that has become shorter, as the agent cuts off what a full disk
    /// took a part of only.
    fn skip_what_was_cut(&mut self) -> io::Result<()> {
        let length = self.reader.get_ref().metadata()?.len();
        if length < self.reader.stream_position()? {
            self.reader.seek(SeekFrom::Start(length))?;
            self.unfinished.clear();
            self.is_too_long = false;
        }
        Ok(())
    }
}
