//! Programs that tests write and run.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::parts::program;

/// Writes a program with its directories, in place of an earlier one.
///
/// It is copied by another process: while this one has a file open for writing, a child that
/// another test just forked does, too, and the kernel would refuse to run it (ETXTBSY). It is
/// renamed into place, as somebody may start the earlier one right now.
pub fn write_program(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().expect("a file has a directory")).expect("the directory");
    let text = path.with_extension("text");
    let new = path.with_extension("new");
    fs::write(&text, bytes).expect("the program's text");
    let installed = Command::new(program("install"))
        .args(["-m", "755"])
        .arg(&text)
        .arg(&new)
        .status()
        .expect("run install");
    assert!(installed.success(), "install {}", path.display());
    fs::remove_file(&text).expect("the program's text is removed");
    fs::rename(&new, path).expect("the program is put in place");
}
