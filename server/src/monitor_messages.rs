//! Messages between verify and its monitor. Request and answer are one line of JSON each.

use std::io::{self, BufRead, Read as _, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::plugin::Variables;

/// Longest line, in bytes: more than a home policy of the largest size.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// An action that verify cannot do itself.
#[derive(Serialize, Deserialize)]
pub enum MonitorRequest {
    HomePolicy,
    Plugins(Variables),
    Fallback,
}

/// Writes a request or an answer.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::home::{HomePolicy, NoHomePolicy};

    type Answer = Result<HomePolicy, NoHomePolicy>;

    #[test]
    fn a_home_policy_arrives_as_it_is_whatever_its_bytes() {
        let home: Answer = Ok(HomePolicy {
            path: "/home/alice/.opk/auth_id".into(),
            bytes: b"a\n\xff\0{}\n".to_vec(),
        });
        let absent: Answer = Err(NoHomePolicy {
            reason: "none".to_owned(),
            is_absent: true,
        });
        let mut sent = Vec::new();
        write(&mut sent, &home).unwrap();
        write(&mut sent, &absent).unwrap();
        write(&mut sent, &Some("plugin")).unwrap();
        let mut sent = sent.as_slice();
        assert_eq!(read(&mut sent).unwrap(), Some(home));
        assert_eq!(read(&mut sent).unwrap(), Some(absent));
        let plugin: Option<Option<String>> = read(&mut sent).unwrap();
        assert_eq!(plugin, Some(Some("plugin".to_owned())));
        assert_eq!(read::<Answer>(&mut sent).unwrap(), None);
    }

    #[test]
    fn a_home_policy_that_breaks_off_is_an_error() {
        for answer in [
            r#"{"Ok":{"path":"p","bytes":[97,98"#,
            r#"{"Ok":{"path":"p"}}"#,
            "{",
        ] {
            assert!(read::<Answer>(&mut answer.as_bytes()).is_err(), "{answer}");
        }
    }
}
