//! The file that this process was started from, and whether it is still there.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

pub struct Program {
    path: PathBuf,
    /// Device and inode.
    file: (u64, u64),
}

impl Program {
    /// Returns `None` where the system does not tell.
    pub fn of_this_process() -> Option<Self> {
        let path = std::env::current_exe().ok()?;
        // the file that runs, whatever is at its path by now
        let file = fs::metadata("/proc/self/exe").ok()?;
        Some(Self {
            path,
            file: (file.dev(), file.ino()),
        })
    }

    /// Returns true if the file was replaced or removed, by an upgrade most likely.
    pub fn was_replaced(&self) -> bool {
        fs::metadata(&self.path).map_or(true, |found| (found.dev(), found.ino()) != self.file)
    }
}
