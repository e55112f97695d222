//! Where the parts are, and which of them the person running the tests left out.

use std::env;
use std::path::{Path, PathBuf};

/// A part that `OPKSSH_TEST_WITHOUT` can leave out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Go,
    Keyring,
    Provider,
    Sshd,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Keyring => "keyring",
            Self::Provider => "provider",
            Self::Sshd => "sshd",
        }
    }
}

/// Whether one of these parts was left out with `OPKSSH_TEST_WITHOUT`; the
/// calling test then returns at once. Says so on stderr, past the capture.
#[must_use]
pub fn left_out(parts: &[Part]) -> bool {
    let Ok(list) = env::var("OPKSSH_TEST_WITHOUT") else {
        return false;
    };
    let without: Vec<&str> = list.split(',').map(str::trim).collect();
    let Some(part) = parts.iter().find(|part| without.contains(&part.name())) else {
        return false;
    };
    use std::io::Write as _;
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    // Not eprintln!: the harness would swallow it for a test that passes.
    let _ = writeln!(
        std::io::stderr(),
        "WARNING: ==== LEFT OUT: {test}: OPKSSH_TEST_WITHOUT names {} ====",
        part.name()
    );
    true
}

/// A file that `scripts/test-parts` puts below the parts directory.
pub(crate) fn part(path: &str) -> PathBuf {
    let directory = env::var_os("OPKSSH_TEST_PARTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-parts"),
        PathBuf::from,
    );
    let file = directory.join(path);
    let file = file.canonicalize().unwrap_or(file);
    assert!(
        file.exists(),
        "the test part {} is missing: run scripts/test-parts",
        file.display()
    );
    file
}

/// An SSH client of `tests/clients`: the program that runs it, and its script. Both need sshd's
/// [`Part`].
pub fn client(name: &str) -> [PathBuf; 2] {
    [part("clients/python"), part(&format!("clients/{name}.py"))]
}

/// A program of the system, on the [`PATH`] that tests see.
pub(crate) fn program(name: &str) -> PathBuf {
    PATH.split(':')
        .map(|directory| Path::new(directory).join(name))
        .find(|file| file.exists())
        .unwrap_or_else(|| panic!("the program {name} is missing: run scripts/test-parts"))
}

/// `PATH` in the tests: with sshd's directory, which ordinary users lack.
pub(crate) const PATH: &str = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin";
