//! Runs another AuthorizedKeysCommand after verify, because sshd supports only one.
//!
//! The command runs as verify's account, without a shell, and sshd gets its output unchanged. It
//! has the same trust as in sshd's configuration, so it must meet sshd's conditions.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rustix::fs::Access;

use crate::deadline::Deadline;
use crate::process::{self, ProcessError, Stderr};

/// Limit for the output to sshd, in bytes.
const MAX_OUTPUT: u64 = 1024 * 1024;

/// Longest first line of a script, in bytes.
const MAX_INTERPRETER: u64 = 256;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    pub program: PathBuf,
    words: Vec<CommandWord>,
    pub timeout: Duration,
}

/// sshd's arguments, to pass on.
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a> {
    /// `%u`
    pub account: &'a str,
    /// `%k`
    pub key: &'a str,
    /// `%t`
    pub key_type: &'a str,
    /// The words after those.
    pub extra: &'a [String],
}

#[derive(Debug, thiserror::Error)]
pub enum FallbackError {
    #[error("{path}: {error}", path = path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{path} belongs to uid {uid}, so it is not run", path = path.display())]
    Owner { path: PathBuf, uid: u32 },
    #[error(
        "{path} has mode {mode:o}: others than its owner can change it, so it is not run",
        path = path.display()
    )]
    Mode { path: PathBuf, mode: u32 },
    #[error("{path} is not a program", path = .0.display())]
    NotAProgram(PathBuf),
    #[error("{path} cannot be run by this account", path = .0.display())]
    NotAllowed(PathBuf),
    #[error("{path} cannot be run: there is no {interpreter}", path = path.display(), interpreter = interpreter.display())]
    Interpreter { path: PathBuf, interpreter: PathBuf },
    #[error("{0}")]
    Process(#[from] ProcessError),
}

impl Fallback {
    /// Parses `words` from the configuration: an absolute path, then arguments in which `%u`, `%k`
    /// and `%t` are sshd's tokens and `%%` is a percent sign. The word `%*` stands for all further
    /// words from sshd.
    pub fn parse(words: &[String], timeout: Duration) -> Result<Self, String> {
        let (program, arguments) = words.split_first().ok_or("no command in it")?;
        let program = PathBuf::from(program);
        if !program.is_absolute() {
            return Err(format!("{} is not an absolute path", program.display()));
        }
        Ok(Self {
            program,
            words: arguments
                .iter()
                .map(|word| CommandWord::parse(word))
                .collect::<Result<_, _>>()?,
            timeout,
        })
    }

    /// Fails if accounts other than root can change the program.
    pub fn check_owner_and_mode(&self) -> Result<(), FallbackError> {
        check_owner_and_mode(&self.program)
    }

    /// Fails if this process cannot start it.
    pub fn check_start(&self) -> Result<(), FallbackError> {
        check_start(&self.program)
    }

    /// Returns the command's stdout, if it may be run, ends in time and has exit status 0.
    pub fn answer(&self, tokens: Tokens<'_>, deadline: Deadline) -> Result<Vec<u8>, FallbackError> {
        check_owner_and_mode(&self.program)?;
        let mut command = Command::new(&self.program);
        command.args(self.arguments(tokens));
        let ended = process::run(command, Stderr::Apart, MAX_OUTPUT, deadline)?;
        Ok(ended.success()?)
    }

    fn arguments(&self, tokens: Tokens<'_>) -> Vec<String> {
        let mut arguments = Vec::new();
        for word in &self.words {
            match word {
                CommandWord::Extra => arguments.extend_from_slice(tokens.extra),
                CommandWord::Parts(parts) => arguments.push(
                    parts
                        .iter()
                        .map(|part| match part {
                            Part::Text(text) => text.as_str(),
                            Part::Account => tokens.account,
                            Part::Key => tokens.key,
                            Part::KeyType => tokens.key_type,
                        })
                        .collect(),
                ),
            }
        }
        arguments
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum CommandWord {
    Parts(Vec<Part>),
    Extra,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Account,
    Key,
    KeyType,
}

impl CommandWord {
    fn parse(word: &str) -> Result<Self, String> {
        if word == "%*" {
            return Ok(Self::Extra);
        }
        if word.contains('\0') {
            return Err("a NUL in the command".to_owned());
        }
        let mut pieces = word.split('%');
        let mut parts = vec![Part::Text(pieces.next().unwrap_or_default().to_owned())];
        while let Some(piece) = pieces.next() {
            let token = match piece.chars().next() {
                Some('u') => Part::Account,
                Some('k') => Part::Key,
                Some('t') => Part::KeyType,
                // "%%": an empty piece, followed by text
                None => match pieces.next() {
                    Some(text) => {
                        parts.push(Part::Text(format!("%{text}")));
                        continue;
                    }
                    None => return Err(format!("{word:?} ends in a percent sign")),
                },
                Some(other) => {
                    return Err(format!(
                        "%{other} in {word:?} is not known here; there are %u, %k, %t, %% and %*"
                    ));
                }
            };
            parts.push(token);
            parts.push(Part::Text(piece[1..].to_owned()));
        }
        Ok(Self::Parts(parts))
    }
}

/// Fails if this process may not run the program, or if its interpreter is missing.
fn check_start(program: &Path) -> Result<(), FallbackError> {
    let may_run = |path: &Path| rustix::fs::access(path, Access::EXEC_OK).is_ok();
    if !may_run(program) {
        return Err(FallbackError::NotAllowed(program.to_owned()));
    }
    let mut start = Vec::new();
    let file = File::open(program).map(|file| file.take(MAX_INTERPRETER));
    // an executable program need not be readable
    if file
        .and_then(|mut file| file.read_to_end(&mut start))
        .is_err()
    {
        return Ok(());
    }
    match interpreter(&start) {
        Some(interpreter) if !may_run(&interpreter) => Err(FallbackError::Interpreter {
            path: program.to_owned(),
            interpreter,
        }),
        _ => Ok(()),
    }
}

/// Returns the interpreter in a script's first line, see execve(2).
fn interpreter(start: &[u8]) -> Option<PathBuf> {
    let line = start
        .strip_prefix(b"#!")?
        .split(|byte| *byte == b'\n')
        .next()?;
    let line = String::from_utf8_lossy(line);
    line.split_whitespace().next().map(PathBuf::from)
}

/// Checks the program like sshd checks an AuthorizedKeysCommand: root (or this account) owns it and
/// every parent directory, and nobody else can write there.
pub(crate) fn check_owner_and_mode(program: &Path) -> Result<(), FallbackError> {
    let failed = |path: &Path, error| FallbackError::Io {
        path: path.to_owned(),
        error,
    };
    let real = program
        .canonicalize()
        .map_err(|error| failed(program, error))?;
    let ourselves = rustix::process::geteuid().as_raw();
    let mut path = PathBuf::new();
    for component in real.components() {
        path.push(component);
        let metadata = path.metadata().map_err(|error| failed(&path, error))?;
        if metadata.uid() != 0 && metadata.uid() != ourselves {
            return Err(FallbackError::Owner {
                uid: metadata.uid(),
                path,
            });
        }
        if metadata.mode() & 0o022 != 0 {
            return Err(FallbackError::Mode {
                mode: metadata.mode() & 0o7777,
                path,
            });
        }
        let is_last = path == real && component != Component::RootDir;
        if is_last && (!metadata.is_file() || metadata.mode() & 0o111 == 0) {
            return Err(FallbackError::NotAProgram(path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
