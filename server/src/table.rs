//! The table grammar of `providers` and `auth_id`: one row per line, words split as a shell would.
//!
//! Pure, and total: any bytes give rows and problems, never an error. It is Go's grammar to the
//! letter, odd corners included (a `#` cuts even inside quotes), since both programs read the
//! same files.

use std::fmt;

/// What a file contained.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Table {
    pub rows: Vec<Row>,
    pub problems: Vec<Problem>,
}

/// A row of exactly three words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// 1-based.
    pub line: usize,
    pub words: [String; 3],
}

/// A line that is neither a row nor empty. It is skipped; other rows count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// 1-based.
    pub line: usize,
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

/// Reads a file.
pub fn read(bytes: &[u8]) -> Table {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let mut table = Table::default();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line_number = index + 1;
        let problem = |reason: String| Problem {
            line: line_number,
            reason,
        };
        let Ok(line) = std::str::from_utf8(without_comment(line)) else {
            table
                .problems
                .push(problem("not UTF-8, skipping".to_owned()));
            continue;
        };
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        match split(line).map(<[String; 3]>::try_from) {
            Ok(Ok(words)) => table.rows.push(Row {
                line: line_number,
                words,
            }),
            Ok(Err(words)) => table.problems.push(problem(format!(
                "wrong number of arguments (expected=3, got={})",
                words.len()
            ))),
            Err(unterminated) => {
                table.problems.push(problem(format!(
                    "unable to parse ({unterminated}), skipping"
                )));
            }
        }
    }
    table
}

/// A word that [`write_row`] cannot protect, or an empty one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwritable {
    #[error("it is empty")]
    Empty,
    #[error("it contains a '#', which starts a comment even inside quotes")]
    Comment,
    #[error("it contains a line break or another control character")]
    Control,
}

/// One line for these words, with its line feed, quoted as Go quotes. What comes out reads back
/// as what went in, by us and by Go.
pub fn write_row(words: [&str; 3]) -> Result<String, Unwritable> {
    for word in words {
        writable(word)?;
    }
    Ok(format!("{}\n", words.map(quote).join(" ")))
}

/// Can this word be written to a table and read back?
pub fn writable(word: &str) -> Result<(), Unwritable> {
    match word {
        "" => Err(Unwritable::Empty),
        _ if word.contains('#') => Err(Unwritable::Comment),
        // a byte order mark would vanish at the start of the file
        _ if word.contains(|c: char| c.is_control() || "\u{feff}\u{2028}\u{2029}".contains(c)) => {
            Err(Unwritable::Control)
        }
        _ => Ok(()),
    }
}

fn without_comment(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b'#').next().unwrap_or_default()
}

/// What a text lacks to be split into words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unterminated {
    #[error("unterminated single-quoted string")]
    SingleQuoted,
    #[error("unterminated double-quoted string")]
    DoubleQuoted,
    #[error("unterminated backslash-escape")]
    Backslash,
}

/// Splits a text into words as a shell would, without variables or patterns.
pub(crate) fn split(line: &str) -> Result<Vec<String>, Unterminated> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next().ok_or(Unterminated::SingleQuoted)? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => {
                let escaped = rest.next().ok_or(Unterminated::Backslash)?;
                word.get_or_insert_default().push(escaped);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), Unterminated> {
    loop {
        match rest.next().ok_or(Unterminated::DoubleQuoted)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(Unterminated::DoubleQuoted)? {
                c @ ('$' | '`' | '"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

fn quote(word: &str) -> String {
    if word.contains(char::is_whitespace) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = String::with_capacity(word.len());
    for (index, c) in word.char_indices() {
        if r#"\'"`${[|&;<>()*?!"#.contains(c) || (index == 0 && c == '~') {
            quoted.push('\\');
        }
        quoted.push(c);
    }
    quoted
}

#[cfg(test)]
mod tests;
