//! The browser's answer, brought by the person: their browser is on another machine, and the address
//! it ended at is typed here.

use std::io::{self, BufRead as _, IsTerminal, Read as _, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::time::Duration;

use opkssh_protocol::control::{Event, Failure, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;
use opkssh_protocol::secret::Secret;
use rustix::event::{PollFd, PollFlags, poll};

use crate::connection::{AT_ONCE, Connection, unexpected};
use crate::error::ClientError;

/// Longest address that is read, in bytes.
const LONGEST: u64 = 32 * 1024;

/// Can an address be typed here?
pub fn can_be_typed() -> bool {
    io::stdin().is_terminal()
}

/// Reads lines from the terminal until the process ends, and gives each to `bring`; what is wrong
/// with one is said on stderr. Does nothing where stdin is no terminal: what is piped to a command
/// is not ours.
pub fn read_while_waiting(bring: impl Fn(Secret) -> Result<(), Failure> + Send + 'static) {
    if !can_be_typed() {
        return;
    }
    // ends with the process: nothing can interrupt a read from a terminal
    std::thread::spawn(move || {
        while let Some(line) = typed_line() {
            if line.expose().trim().is_empty() {
                continue;
            }
            if let Err(failure) = bring(line) {
                let hint = failure.hint.map(|hint| format!("; {hint}"));
                let reason = failure.message + &hint.unwrap_or_default();
                let _ = writeln!(
                    io::stderr(),
                    "{}. The login goes on waiting.",
                    printable(&reason)
                );
            }
        }
    });
}

/// What [`read_while_waiting`] does with a line for a login in the daemon.
pub(crate) fn to_the_daemon(socket: PathBuf) -> impl Fn(Secret) -> Result<(), Failure> {
    move |url| {
        bring(&socket, url).map_err(|error| Failure {
            message: error.to_string(),
            hint: error.hint(),
        })
    }
}

/// `opkssh login --redirected`: one address from stdin, for the login that waits elsewhere.
pub fn redirected(places: &Places, out: &mut dyn Write) -> Result<(), ClientError> {
    if can_be_typed() {
        let _ = write!(io::stderr(), "The address where the browser ended: ");
    }
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_line(&mut text)
        .map_err(ClientError::io("cannot read the address"))?;
    bring(&places.control_socket(), Secret::new(text))?;
    let _ = writeln!(out, "The login goes on where it waits.").and_then(|()| out.flush());
    Ok(())
}

fn bring(socket: &std::path::Path, url: Secret) -> Result<(), ClientError> {
    let mut connection = Connection::open(socket)?;
    match connection.ask(&Request::Redirected { url }, AT_ONCE)? {
        Event::RedirectTaken => Ok(()),
        _ => Err(unexpected()),
    }
}

/// The next line that is typed while we are in the foreground: a job in the background would be
/// stopped for reading. `None`: the terminal is gone.
fn typed_line() -> Option<Secret> {
    let stdin = io::stdin();
    loop {
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut ready, None) {
            Ok(_) if in_foreground() => break,
            // the line is for whoever has the terminal now
            Ok(_) => std::thread::sleep(Duration::from_secs(1)),
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return None,
        }
    }
    // not through a buffer of ours: what is typed later may be for another program
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
        // not our controlling terminal: nobody stops us
        Err(_) => true,
    }
}
