//! Reads a password: from the terminal without echo, else a line of stdin.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write as _};

use opkssh_protocol::printable::printable;
use opkssh_protocol::secret::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::error::ClientError;

/// Longest password, in bytes.
const MAX_LENGTH: usize = 1024;

/// Where passwords are read from.
pub enum PasswordSource {
    Terminal(File),
    /// Each line is a password for this command; nothing is prompted for.
    Stdin(String),
}

impl PasswordSource {
    /// Returns the terminal if stdin is one, else stdin, for `command`.
    pub fn of_process(command: &str) -> Self {
        match Self::terminal() {
            Some(terminal) if io::stdin().is_terminal() => terminal,
            _ => Self::Stdin(command.to_owned()),
        }
    }

    /// Returns the process's terminal if stdin or stderr is one.
    pub fn terminal() -> Option<Self> {
        let watched = io::stdin().is_terminal() || io::stderr().is_terminal();
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        terminal.ok().filter(|_| watched).map(Self::Terminal)
    }

    /// Returns how often a password may be typed.
    pub fn tries(&self) -> usize {
        match self {
            Self::Terminal(_) => 3,
            Self::Stdin(_) => 1,
        }
    }

    /// Shows why a password has to be typed once more, and how often it may be.
    pub fn show(&mut self, why: &str, left: usize) {
        if let Self::Terminal(terminal) = self {
            let tries = if left == 1 { "try" } else { "tries" };
            let _ = writeln!(terminal, "{}; {left} {tries} left", printable(why));
        }
    }

    /// Reads a password. Fails if it is empty or cancelled by Ctrl-C.
    pub fn ask(&mut self, prompt: &str) -> Result<Secret, ClientError> {
        let (password, error) = match self {
            Self::Terminal(terminal) => {
                let error = ClientError::without_hint("no password was given");
                (read_without_echo(terminal, prompt), error)
            }
            Self::Stdin(command) => {
                let what = "no password was given: stdin is no terminal, and is empty";
                let hint = format!("type it on a terminal, or pass it on stdin: {command} <FILE");
                let error = ClientError::new(what, hint);
                (line(&mut io::stdin().lock(), false), error)
            }
        };
        password
            .map_err(ClientError::io("cannot read the password"))?
            .filter(|password| !password.is_empty())
            .ok_or(error)
    }

    /// Reads a new password, which has to be typed twice on a terminal.
    pub fn ask_new(&mut self, prompt: &str) -> Result<Secret, ClientError> {
        let different = "the two passwords differ";
        for left in (0..self.tries()).rev() {
            let password = self.ask(prompt)?;
            if matches!(self, Self::Stdin(_)) || self.ask("Again: ")?.expose() == password.expose()
            {
                return Ok(password);
            }
            if left > 0 {
                self.show(different, left);
            }
        }
        let hint = "try again with the same password twice";
        Err(ClientError::new(different, hint))
    }
}

/// A terminal without echo, line editing and signals. Dropping it restores the settings.
struct RawTerminal<'a> {
    terminal: &'a File,
    before: rustix::termios::Termios,
}

impl<'a> RawTerminal<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for RawTerminal<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

fn read_without_echo(mut terminal: &File, prompt: &str) -> io::Result<Option<Secret>> {
    let quiet = RawTerminal::new(terminal)?;
    terminal.write_all(prompt.as_bytes())?;
    let password = line(&mut terminal, true);
    drop(quiet);
    terminal.write_all(b"\n")?;
    password
}

/// Reads to the end of the line. If `typed`, handles Ctrl-C, Ctrl-D, Ctrl-U and Backspace.
fn line(from: &mut impl Read, typed: bool) -> io::Result<Option<Secret>> {
    // never reallocated, which would leave a copy in memory
    let mut text = Zeroizing::new(Vec::with_capacity(MAX_LENGTH));
    let mut byte = Zeroizing::new([0]);
    loop {
        if from.read(&mut *byte)? == 0 {
            if text.is_empty() {
                return Ok(None);
            }
            break;
        }
        match (byte[0], typed) {
            (b'\n', _) | (b'\r', true) => break,
            // Ctrl-C, Ctrl-D
            (3 | 4, true) => return Ok(None),
            // Backspace
            (8 | 127, true) => {
                // a letter may be several bytes
                while text.pop().is_some_and(|last| last & 0xc0 == 0x80) {}
            }
            // Ctrl-U
            (21, true) => text.clear(),
            (_, _) if text.len() == MAX_LENGTH => {
                return Err(io::Error::other("it is too long"));
            }
            (byte, _) => text.push(byte),
        }
    }
    if !typed && text.last() == Some(&b'\r') {
        text.pop();
    }
    let text = std::mem::take(&mut *text);
    String::from_utf8(text)
        .map(|text| Some(Secret::new(text)))
        .map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            io::Error::other("it is not UTF-8")
        })
}

#[cfg(test)]
mod tests;
