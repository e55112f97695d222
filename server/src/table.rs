//! The table format of `providers` and `auth_id`: one row per line, split into words as in a shell.
//!
//! Pure and total: any bytes give rows and problems, never an error. The grammar is exactly Go's (a
//! `#` starts a comment even inside quotes), because both programs read the same files.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use memchr::{memchr, memchr_iter, memchr2_iter, memchr3};

#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Table<'a> {
    pub rows: Vec<Row<'a>>,
    pub problems: Vec<Problem>,
}

/// A row of exactly three words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<'a> {
    /// 1-based.
    pub line: usize,
    pub words: [Cow<'a, str>; 3],
}

/// A line that is neither a row nor empty. It is skipped; other rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    /// 1-based.
    pub line: usize,
    pub reason: NotARow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotARow {
    #[error("not UTF-8, skipping")]
    Encoding,
    #[error("wrong number of arguments (expected=3, got={0})")]
    WordCount(usize),
    #[error("unable to parse ({0}), skipping")]
    Unterminated(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

pub fn read(bytes: &[u8]) -> Table<'_> {
    let mut table = Table::default();
    for row in rows(bytes) {
        match row {
            Ok(row) => table.rows.push(row),
            Err(problem) => table.problems.push(problem),
        }
    }
    table
}

/// Returns a line of the file without white space at its ends; the first one is 1.
pub fn line(bytes: &[u8], number: usize) -> String {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let line = number.checked_sub(1).and_then(|index| lines.nth(index));
    let line = String::from_utf8_lossy(line.unwrap_or_default());
    line.trim().to_owned()
}

/// Returns the rows and problems of a file, line by line. Allocates only for rows with quotes or
/// backslashes.
pub fn rows(bytes: &[u8]) -> impl Iterator<Item = Result<Row<'_>, Problem>> {
    rows_from(1, bytes)
}

/// Returns the same as [`rows`], for a piece of a file that begins at this line.
pub fn rows_from(
    first_line: usize,
    bytes: &[u8],
) -> impl Iterator<Item = Result<Row<'_>, Problem>> {
    let bytes = match bytes.strip_prefix(b"\xEF\xBB\xBF") {
        Some(rest) if first_line == 1 => rest,
        _ => bytes,
    };
    let grammar = Grammar::of(bytes);
    let ends = memchr_iter(b'\n', bytes).chain([bytes.len()]);
    let lines = ends.scan(0, move |start, end| {
        let line = *start..end;
        *start = end + 1;
        Some(line)
    });
    let words = lines.map(move |line| grammar.words(line));
    words
        .zip(first_line..)
        .filter_map(|(words, line)| match words {
            Ok(None) => None,
            Ok(Some(words)) => Some(Ok(Row { line, words })),
            Err(reason) => Some(Err(Problem { line, reason })),
        })
}

/// Features of the lines of a file. Most files are UTF-8 without quotes and backslashes, and may
/// have 100,000 rows.
struct Grammar<'a> {
    bytes: &'a [u8],
    /// None if some line is not UTF-8.
    text: Option<&'a str>,
    has_comments: bool,
    has_quotes: bool,
}

impl<'a> Grammar<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            text: std::str::from_utf8(bytes).ok(),
            has_comments: memchr(b'#', bytes).is_some(),
            has_quotes: memchr3(b'\'', b'"', b'\\', bytes).is_some(),
        }
    }

    /// Returns the words of a line, or `None` for an empty one.
    fn words(&self, line: Range<usize>) -> Result<Option<[Cow<'a, str>; 3]>, NotARow> {
        let line = match self.text {
            Some(text) if !self.has_comments => &text[line],
            _ => std::str::from_utf8(without_comment(&self.bytes[line]))
                .map_err(|_| NotARow::Encoding)?,
        };
        let line = trimmed(line);
        if line.is_empty() {
            return Ok(None);
        }
        if !self.has_quotes {
            return plain_words(line).map(|words| Some(words.map(Cow::Borrowed)));
        }
        let words = split(line).map_err(NotARow::Unterminated)?;
        <[String; 3]>::try_from(words)
            .map(|words| Some(words.map(Cow::Owned)))
            .map_err(|words| NotARow::WordCount(words.len()))
    }
}

/// Returns the line without white space at its ends.
fn trimmed(line: &str) -> &str {
    match line.as_bytes() {
        [b'!'..=b'~', .., b'!'..=b'~'] => line,
        _ => line.trim(),
    }
}

/// Splits a line without quotes, backslashes and line feeds. Otherwise like [`split`].
fn plain_words(line: &str) -> Result<[&str; 3], NotARow> {
    let (mut words, mut count, mut start) = ([""; 3], 0, 0);
    let ends = memchr2_iter(b' ', b'\t', line.as_bytes()).chain([line.len()]);
    for end in ends {
        if start < end {
            if let Some(word) = words.get_mut(count) {
                *word = &line[start..end];
            }
            count += 1;
        }
        start = end + 1;
    }
    match count {
        3 => Ok(words),
        _ => Err(NotARow::WordCount(count)),
    }
}

/// Returns one line for these words with its line feed, quoted as in Go. Both programs read the
/// same words back.
pub fn write_row(words: [&str; 3]) -> Result<String, &'static str> {
    for word in words {
        writable(word)?;
    }
    Ok(format!("{}\n", words.map(quote).join(" ")))
}

/// Returns the words as arguments of `opkssh add` and `remove`, quoted for a shell.
pub fn arguments(words: [&str; 3]) -> String {
    let ends_options = words.iter().any(|word| word.starts_with('-'));
    let ends_options = if ends_options { "-- " } else { "" };
    format!("{ends_options}{}", words.map(quote).join(" "))
}

/// Fails if this word cannot be written to a table and read back.
pub fn writable(word: &str) -> Result<(), &'static str> {
    match word {
        "" => Err("it is empty"),
        _ if word.contains('#') => {
            Err("it contains a '#', which starts a comment even inside quotes")
        }
        // a byte order mark at the start of the file would be lost
        _ if word.contains(|c: char| c.is_control() || "\u{feff}\u{2028}\u{2029}".contains(c)) => {
            Err("it contains a line break or another control character")
        }
        _ => Ok(()),
    }
}

fn without_comment(line: &[u8]) -> &[u8] {
    memchr(b'#', line).map_or(line, |comment| &line[..comment])
}

/// Splits a text into words like a shell, without variables or patterns.
pub(crate) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' | '\n' => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next().ok_or("unterminated single-quoted string")? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '"' => double_quoted(&mut rest, word.get_or_insert_default())?,
            '\\' => {
                let escaped = rest.next().ok_or("unterminated backslash-escape")?;
                word.get_or_insert_default().push(escaped);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

const DOUBLE_QUOTED: &str = "unterminated double-quoted string";

fn double_quoted(rest: &mut std::str::Chars<'_>, word: &mut String) -> Result<(), &'static str> {
    loop {
        match rest.next().ok_or(DOUBLE_QUOTED)? {
            '"' => return Ok(()),
            '\\' => match rest.next().ok_or(DOUBLE_QUOTED)? {
                c @ ('$' | '`' | '"' | '\\') => word.push(c),
                c => word.extend(['\\', c]),
            },
            c => word.push(c),
        }
    }
}

/// Quotes a word for a row, as Go does, or for a shell.
pub(crate) fn quote(word: &str) -> String {
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
