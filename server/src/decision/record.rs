//! Reads decisions of `verify` back from its log, a file or the journal's output.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// A decision in the log.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    pub is_allowed: bool,
    values: BTreeMap<String, Logged>,
}

/// A value in the log, which has at most 128 characters of a client's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Logged {
    pub text: String,
    pub is_cut: bool,
}

/// Returns the decisions in the log `path`, or in stdin for `-`, oldest first.
pub fn read(path: &Path) -> io::Result<Vec<Record>> {
    let log: Box<dyn Read> = match path.as_os_str().as_encoded_bytes() {
        b"-" => Box::new(io::stdin()),
        _ => Box::new(File::open(path)?),
    };
    let mut records = Vec::new();
    for line in BufReader::new(log).split(b'\n') {
        records.extend(Record::parse(&String::from_utf8_lossy(&line?)));
    }
    Ok(records)
}

impl Record {
    /// Returns the decision in a line of verify's log file, or of `journalctl`. What a client sent is
    /// in quotes behind the verdict, and no line of another program is taken for verify's: an sshd
    /// logs whatever name somebody tries to log in with.
    pub fn parse(line: &str) -> Option<Self> {
        let message = after_parent(own_message(line)?)?;
        let verdicts = [
            ("successfully verified ", true),
            ("failed to verify ", false),
            ("left to fallback ", false),
        ];
        let found = verdicts
            .into_iter()
            .find_map(|(verdict, is_allowed)| Some((message.strip_prefix(verdict)?, is_allowed)));
        let (mut rest, is_allowed) = found?;
        let mut values = BTreeMap::new();
        while let Some((name, after)) = rest.split_once('=') {
            let (value, behind) = value(after)?;
            let is_of_client = ["issuer", "subject", "email"].contains(&name);
            if is_of_client && !after.starts_with('"') {
                return None;
            }
            if values.insert(name.to_owned(), value).is_some() {
                return None;
            }
            rest = behind.trim_start_matches(' ');
        }
        rest.is_empty().then_some(Self { is_allowed, values })
    }

    pub fn value(&self, name: &str) -> Option<&Logged> {
        self.values.get(name)
    }
}

/// Returns what verify wrote of a line: all of it, or what follows the time in its file, or the tag
/// in the journal (in its short formats).
fn own_message(line: &str) -> Option<&str> {
    if line.starts_with("pid=") {
        return Some(line);
    }
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    if let [date, time, offset, message] = words[..]
        && (date.len(), time.len(), offset.len()) == (10, 8, 6)
        && [date, time, offset]
            .concat()
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"/:+-".contains(&byte))
    {
        return Some(message);
    }
    let (head, message) = line.split_once("]: ")?;
    let (_, pid) = head.rsplit_once(" opkssh[")?;
    let own = message.strip_prefix("pid=")?.strip_prefix(pid)?;
    own.starts_with(' ').then_some(message)
}

/// Returns what follows `pid=N ppid=N `.
fn after_parent(message: &str) -> Option<&str> {
    let number = |text: &'_ str, name: &str| {
        let text = text.strip_prefix(name)?;
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        (digits > 0 && text[digits..].starts_with(' ')).then_some(digits + 1 + name.len())
    };
    let rest = &message[number(message, "pid=")?..];
    Some(&rest[number(rest, "ppid=")?..])
}

/// Reads a value, plain or in quotes, and returns the rest of the line.
fn value(text: &str) -> Option<(Logged, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let text = word.to_owned();
        return Some((
            Logged {
                text,
                is_cut: false,
            },
            rest,
        ));
    };
    let (mut value, mut letters) = (String::new(), quoted.chars());
    loop {
        match letters.next()? {
            '"' => break,
            '\\' => value.push(escaped(&mut letters)?),
            letter => value.push(letter),
        }
    }
    let rest = letters.as_str();
    let behind = rest.strip_prefix('…');
    let logged = Logged {
        text: value,
        is_cut: behind.is_some(),
    };
    Some((logged, behind.unwrap_or(rest)))
}

fn escaped(letters: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match letters.next()? {
        't' => '\t',
        'r' => '\r',
        'n' => '\n',
        'u' => {
            let (code, rest) = letters.as_str().strip_prefix('{')?.split_once('}')?;
            *letters = rest.chars();
            char::from_u32(u32::from_str_radix(code, 16).ok()?)?
        }
        letter => letter,
    })
}

#[cfg(test)]
mod tests;
