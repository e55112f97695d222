//! Passes a redirect address that the user types or pipes in to the waiting login, for a browser on
//! another machine.

use std::io::{self, BufRead as _, IsTerminal, Read as _, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use opkssh_protocol::control::{Event, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;
use opkssh_protocol::secret::Secret;
use rustix::event::{PollFd, PollFlags, poll};

use crate::connection::{Connection, LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;

/// Longest address that is read, in bytes.
const MAX_LENGTH: u64 = 32 * 1024;

/// Returns true if stdin is a terminal, so that an address can be typed.
pub fn stdin_is_terminal() -> bool {
    io::stdin().is_terminal()
}

/// Passes lines from the terminal to `deliver` until the process ends, and reports errors on
/// stderr. Does nothing if stdin is not a terminal: piped input is not for the login.
pub fn read_redirects(deliver: impl Fn(Secret) -> Result<(), ClientError> + Send + 'static) {
    if !stdin_is_terminal() {
        return;
    }
    // never joined: a read from a terminal cannot be interrupted
    std::thread::spawn(move || {
        while let Some(line) = typed_line() {
            if line.expose().trim().is_empty() {
                continue;
            }
            if let Err(error) = deliver(line) {
                let hint = error.hint().map(|hint| format!("; {hint}"));
                let reason = format!("{error}{}", hint.unwrap_or_default());
                let reason = printable(&reason);
                let _ = writeln!(io::stderr(), "{reason}. The login is still waiting.");
            }
        }
    });
}

/// Passes one address from stdin to the login that waits in the agent (`opkssh login
/// --redirected`).
pub fn redirected(places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    if stdin_is_terminal() {
        let _ = write!(io::stderr(), "Address at which the browser ended: ");
    }
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(MAX_LENGTH)
        .read_line(&mut text)
        .map_err(ClientError::io("cannot read the address"))?;
    deliver(&places.control_socket(), Secret::new(text))?;
    let _ = writeln!(out, "The waiting login continues.").and_then(|()| out.flush());
    Ok(())
}

pub(crate) fn deliver(socket: &Path, url: Secret) -> Result<(), ClientError> {
    let mut connection = Connection::open(socket)?;
    match connection.ask(&Request::Redirected { url }, LOCAL_TIMEOUT)? {
        Event::RedirectTaken => Ok(()),
        _ => Err(unexpected()),
    }
}

/// Returns the next typed line, or `None` if the terminal is gone. Reads only in the foreground,
/// since a background job would be stopped for reading.
fn typed_line() -> Option<Secret> {
    let stdin = io::stdin();
    loop {
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) if in_foreground() => break,
            // the line is for the foreground job
            Ok(_) => std::thread::sleep(Duration::from_secs(1)),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    // unbuffered: later input may be for another program
    let mut line = vec![0; 8192];
    let length = rustix::io::read(stdin.as_fd(), &mut line[..]).ok()?;
    if length == 0 {
        return None;
    }
    line.truncate(length);
    Some(Secret::new(String::from_utf8_lossy(&line).into_owned()))
}

fn in_foreground() -> bool {
    match rustix::termios::tcgetpgrp(io::stdin()) {
        Ok(group) => group == rustix::process::getpgrp(),
        // not the controlling terminal, so there is no job control
        Err(_) => true,
    }
}
