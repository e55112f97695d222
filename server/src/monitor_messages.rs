//! Messages between verify and its monitor. Request and answer are one line of JSON each; the bytes
//! of a home policy follow its answer.

use std::io::{self, BufRead, Read as _, Write};
use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::home::HomeError;
use crate::plugin::Variables;

/// Longest line, and largest home policy, in bytes.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// An action that verify cannot do itself.
#[derive(Serialize, Deserialize)]
pub enum MonitorRequest {
    HomePolicy,
    Plugins(Variables),
    Fallback,
}

/// Answer: a user's own policy file.
#[derive(Debug, PartialEq, Eq)]
pub struct HomePolicy {
    /// Its path, for the log.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// The reason why there is none.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct NoHomePolicy {
    pub reason: String,
    /// True for a missing file, which is the usual case.
    pub is_absent: bool,
}

impl From<HomeError> for NoHomePolicy {
    fn from(error: HomeError) -> Self {
        Self {
            reason: error.to_string(),
            is_absent: matches!(&error, HomeError::File(error) if error.is_not_found()),
        }
    }
}

/// The line before a home policy's bytes.
#[derive(Serialize, Deserialize)]
struct HomePolicyHeader {
    path: PathBuf,
    length: u64,
}

/// Writes a request, or an answer other than a home policy.
pub fn write(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

/// Reads a message of [`write`]. `None` at the end.
pub fn read<T: DeserializeOwned>(from: &mut impl BufRead) -> io::Result<Option<T>> {
    let mut line = Vec::new();
    from.take(MAX_BYTES).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

/// Writes the answer to [`MonitorRequest::HomePolicy`].
pub fn write_home_policy(
    to: &mut impl Write,
    answer: &Result<HomePolicy, NoHomePolicy>,
) -> io::Result<()> {
    let announced = answer.as_ref().map(|home| HomePolicyHeader {
        path: home.path.clone(),
        length: home.bytes.len() as u64,
    });
    write(to, &announced)?;
    if let Ok(home) = answer {
        to.write_all(&home.bytes)?;
    }
    to.flush()
}

/// Reads an answer of [`write_home_policy`]. `None` at the end.
pub fn read_home_policy(
    from: &mut impl BufRead,
) -> io::Result<Option<Result<HomePolicy, NoHomePolicy>>> {
    let HomePolicyHeader { path, length } = match read(from)? {
        None => return Ok(None),
        Some(Err(reason)) => return Ok(Some(Err(reason))),
        Some(Ok(announced)) => announced,
    };
    if length > MAX_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Some(Ok(HomePolicy { path, bytes })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_policy_arrives_as_it_is_whatever_its_bytes() {
        let home = Ok(HomePolicy {
            path: "/home/alice/.opk/auth_id".into(),
            bytes: b"a\n\xff\0{}\n".to_vec(),
        });
        let absent = Err(NoHomePolicy {
            reason: "none".to_owned(),
            is_absent: true,
        });
        let mut sent = Vec::new();
        write_home_policy(&mut sent, &home).unwrap();
        write_home_policy(&mut sent, &absent).unwrap();
        write(&mut sent, &Some("plugin")).unwrap();
        let mut sent = sent.as_slice();
        assert_eq!(read_home_policy(&mut sent).unwrap(), Some(home));
        assert_eq!(read_home_policy(&mut sent).unwrap(), Some(absent));
        let plugin: Option<Option<String>> = read(&mut sent).unwrap();
        assert_eq!(plugin, Some(Some("plugin".to_owned())));
        assert_eq!(read_home_policy(&mut sent).unwrap(), None);
    }

    #[test]
    fn a_home_policy_that_breaks_off_or_is_too_long_is_an_error() {
        for answer in [
            r#"{"Ok":{"path":"p","length":5}}"#,
            r#"{"Ok":{"path":"p","length":18446744073709551615}}"#,
            r#"{"Ok":{"path":"p"}}"#,
            "{",
        ] {
            let sent = format!("{answer}\nabc");
            assert!(read_home_policy(&mut sent.as_bytes()).is_err(), "{answer}");
        }
    }
}
