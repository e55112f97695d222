//! Finds the destination in ssh's command line.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

/// Options of ssh(1) that take an argument, or do not log in.
const DECISIVE: &[u8] = b"BbcDEeFGIiJLlmOoPpQRSVWw";

/// What an ssh command line does.
#[derive(Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Connects to this host, as written on the command line.
    Host(String),
    /// Connects to a host whose name is not UTF-8.
    UnreadableHost,
    /// Does not log in: a version, a query, a message to a master process, or an error that ssh
    /// reports.
    NoLogin,
}

/// Parses as ssh does: options may follow the destination, and the remaining words are the command.
pub fn purpose(args: &[OsString]) -> Purpose {
    let mut host = None;
    let mut words = args.iter().map(|word| word.as_bytes());
    while let Some(word) = words.next() {
        match word {
            [b'-'] | [] => return Purpose::NoLogin,
            b"--" => {
                host = host.or_else(|| words.next());
                break;
            }
            [b'-', flags @ ..] => {
                // the first letter that takes an argument takes the rest of a word such as `-vvp22`
                let first = flags.iter().position(|flag| DECISIVE.contains(flag));
                match first.map(|at| flags.split_at(at).1) {
                    Some([b'V' | b'G' | b'Q' | b'O', ..]) => return Purpose::NoLogin,
                    Some([_]) if words.next().is_none() => return Purpose::NoLogin,
                    _ => {}
                }
            }
            // the command begins
            _ if host.is_some() => break,
            _ => host = Some(word),
        }
    }
    match host.map(|word| std::str::from_utf8(word).map(host_of)) {
        None | Some(Ok("")) => Purpose::NoLogin,
        Some(Ok(name)) => Purpose::Host(name.to_owned()),
        Some(Err(_)) => Purpose::UnreadableHost,
    }
}

/// Returns the host of `host`, `user@host` or `ssh://[user@]host[:port]`. User names may contain
/// `@`.
pub fn host_of(destination: &str) -> &str {
    let without_user = |text: &str| text.rfind('@').map_or(0, |at| at + 1);
    let Some(uri) = destination.strip_prefix("ssh://") else {
        return &destination[without_user(destination)..];
    };
    let authority = uri.split('/').next().unwrap_or_default();
    let host = &authority[without_user(authority)..];
    match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
