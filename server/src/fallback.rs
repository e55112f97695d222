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
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn fallback(words: &[&str]) -> Result<Fallback, String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        Fallback::parse(&words, Duration::from_secs(60))
    }

    fn tokens(extra: &[String]) -> Tokens<'_> {
        Tokens {
            account: "$(reboot) x",
            key: "AAAA",
            key_type: "ssh-ed25519",
            extra,
        }
    }

    #[test]
    fn a_script_without_its_interpreter_cannot_be_started() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("keys");
        for (text, mode, reason) in [
            ("#!/bin/sh\n", 0o755, None),
            ("#! /bin/sh -eu\n", 0o755, None),
            (
                "#!/nonexistent/python\n",
                0o755,
                Some("there is no /nonexistent/python"),
            ),
            ("#!/bin/sh\n", 0o644, Some("cannot be run by this account")),
        ] {
            fs::write(&script, text).unwrap();
            fs::set_permissions(&script, fs::Permissions::from_mode(mode)).unwrap();
            let said = check_start(&script).map_err(|error| error.to_string());
            match reason {
                None => assert_eq!(said, Ok(()), "{text}"),
                Some(reason) => assert!(said.unwrap_err().contains(reason), "{text}"),
            }
        }
    }

    #[test]
    fn tokens_are_handed_on_as_single_words() {
        let extra = ["SHA256:x".to_owned(), "-y".to_owned()];
        let words = ["/bin/x", "--user=%u", "%k", "%t%t", "100%%%u%%", "%*", ""];
        let arguments = fallback(&words).unwrap().arguments(tokens(&extra));
        assert_eq!(
            arguments,
            [
                "--user=$(reboot) x",
                "AAAA",
                "ssh-ed25519ssh-ed25519",
                "100%$(reboot) x%",
                "SHA256:x",
                "-y",
                ""
            ]
        );
    }

    #[test]
    fn what_cannot_be_a_command() {
        for (words, reason) in [
            (&[][..], "no command"),
            (&["cat"], "absolute"),
            (&["/bin/cat", "%h"], "%h"),
            (&["/bin/cat", "x%*"], "%*"),
            (&["/bin/cat", "%é"], "%é"),
            (&["/bin/cat", "50%"], "ends in"),
            (&["/bin/cat", "a\0"], "NUL"),
        ] {
            let error = fallback(words).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }

    fn answer(words: &[&str], timeout: Duration) -> Result<Vec<u8>, FallbackError> {
        fallback(words)
            .unwrap()
            .answer(tokens(&[]), Deadline::after(timeout))
    }

    #[test]
    fn its_stdout_is_the_answer() {
        let long = Duration::from_secs(60);
        let echo = answer(&["/bin/echo", "%u"], long).unwrap();
        assert_eq!(echo, b"$(reboot) x\n");
        let failed = |words: &[&str], timeout| match answer(words, timeout).unwrap_err() {
            FallbackError::Process(error) => error,
            other => panic!("{other}"),
        };
        assert!(matches!(
            failed(&["/bin/false"], long),
            ProcessError::Failed { .. }
        ));
        assert!(matches!(
            failed(&["/usr/bin/head", "-c", "1048577", "/dev/zero"], long),
            ProcessError::Size {
                max: MAX_OUTPUT,
                ..
            }
        ));
        assert!(matches!(
            failed(&["/bin/sleep", "1000"], Duration::from_millis(50)),
            ProcessError::Deadline { .. }
        ));
    }

    #[test]
    fn a_program_that_others_can_change_is_not_run() {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt;

        // /tmp is writable by all, so programs below it are refused
        let directory = tempfile::tempdir_in("/tmp").unwrap();
        let program = directory.path().join("program");
        fs::copy("/bin/echo", &program).unwrap();
        fs::set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        let long = Duration::from_secs(60);
        let error = answer(&[program.to_str().unwrap()], long).unwrap_err();
        assert!(
            matches!(&error, FallbackError::Mode { path, .. } if path == Path::new("/tmp")),
            "{error}"
        );
        for (program, reason) in [("/usr/bin", "not a program"), ("/nonexistent", "No such")] {
            let error = answer(&[program], long).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
