//! Escapes text from elsewhere (claims, key ids, provider errors, file names) for one line of a
//! terminal or log.

use std::fmt::{self, Display, Write};

/// Default length limit for shown text, in characters.
pub const MAX_SHOWN: usize = 2000;

/// Length limit for a [quoted](quoted()) value in a message, in characters.
pub const MAX_QUOTED: usize = 128;

/// Returns `text` for one line: [control, direction and invisible characters](needs_escape) are
/// escaped, and the text is cut after [`MAX_SHOWN`] characters.
pub fn printable(text: &str) -> Printable<'_> {
    Printable {
        text,
        longest: MAX_SHOWN,
        quotes: false,
    }
}

/// Returns a value in quotes, cut after [`MAX_QUOTED`] characters, for use within a message.
pub fn quoted(value: &str) -> Printable<'_> {
    printable(value).at_most(MAX_QUOTED).quoted()
}

/// Text that is escaped when displayed. Escaping is idempotent, unless the text is
/// [`quoted`](Self::quoted).
#[derive(Debug, Clone, Copy)]
pub struct Printable<'a> {
    text: &'a str,
    longest: usize,
    quotes: bool,
}

impl Printable<'_> {
    /// Cuts the text after this many characters, counted before escaping, and marks the cut with
    /// `…`.
    #[must_use]
    pub fn at_most(self, characters: usize) -> Self {
        Self {
            longest: characters,
            ..self
        }
    }

    /// Cuts nothing, for addresses to open and files that the user asked to see.
    #[must_use]
    pub fn uncut(self) -> Self {
        self.at_most(usize::MAX)
    }

    /// Puts the text in double quotes, with quotes and backslashes escaped. The `…` of a cut text
    /// stands after the closing quote.
    #[must_use]
    pub fn quoted(self) -> Self {
        Self {
            quotes: true,
            ..self
        }
    }
}

impl Display for Printable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.text.chars();
        if self.quotes {
            f.write_char('"')?;
        }
        for character in rest.by_ref().take(self.longest) {
            match character {
                '"' | '\\' if self.quotes => write!(f, "\\{character}")?,
                _ if needs_escape(character) => write!(f, "{}", character.escape_default())?,
                _ => f.write_char(character)?,
            }
        }
        if self.quotes {
            f.write_char('"')?;
        }
        match rest.next() {
            Some(_) => f.write_char('…'),
            None => Ok(()),
        }
    }
}

/// Returns true for control characters, line separators, direction marks and invisible characters,
/// which change how the surrounding text looks.
pub fn needs_escape(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Escapes the same characters in JSON with JSON escapes; the result is equivalent JSON. Line feeds
/// stay, because they occur only between tokens.
pub fn printable_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if needs_escape(character) && character != '\n' {
            push_json_escape(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Appends `\uXXXX`, as a surrogate pair for a character beyond U+FFFF.
pub(crate) fn push_json_escape(text: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // writing to a String cannot fail
        let _ = write!(text, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests;
