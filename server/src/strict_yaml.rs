//! Reads YAML of opkssh's own files, without constructs that YAML readers disagree about. Pure.
//!
//! A key without a value is an error, because a template with a blank must not remove a
//! restriction. So are words that YAML 1.1 reads differently from YAML 1.2.

use std::borrow::Cow;

use serde::Deserialize;
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Tag};

use crate::yaml_place;

/// Reads a file. The error is one line, for the log.
pub fn read<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
    check(text)?;
    let options = serde_saphyr::options! { strict_booleans: true };
    serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| yaml_place::explain(&error, text))
}

/// The container of a scalar.
enum Container {
    Mapping {
        /// The last key, until its value follows.
        key: Option<String>,
    },
    Sequence,
}

/// Checks each scalar of the document. An empty document has none.
fn check(text: &str) -> Result<(), String> {
    let mut around: Vec<Container> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        })?;
        match event {
            Event::Scalar(value, style, _, tag) => {
                if !around.is_empty() {
                    let place = format!("line {}", span.start.line());
                    check_scalar(&value, style, tag.as_ref(), around.last(), &place)?;
                }
                node(&mut around, &value);
            }
            Event::Alias(_) => node(&mut around, "an alias"),
            Event::SequenceStart(..) => {
                node(&mut around, "a list");
                around.push(Container::Sequence);
            }
            Event::MappingStart(..) => {
                node(&mut around, "a mapping");
                around.push(Container::Mapping { key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                around.pop();
            }
            _ => {}
        }
    }
    Ok(())
}

/// Records a key, or that its value was read.
fn node(around: &mut [Container], text: &str) {
    if let Some(Container::Mapping { key }) = around.last_mut() {
        *key = match key {
            None => Some(text.to_owned()),
            Some(_) => None,
        };
    }
}

fn check_scalar(
    value: &str,
    style: ScalarStyle,
    tag: Option<&Cow<'_, Tag>>,
    around: Option<&Container>,
    place: &str,
) -> Result<(), String> {
    let tag = tag.map(|tag| tag.suffix());
    if let Some(tag) = tag
        && !["str", "int", "float", "bool", "null"].contains(&tag)
    {
        return Err(format!(
            "{place}: the tag {tag:?} has no meaning here; remove it"
        ));
    }
    let plain = style == ScalarStyle::Plain && tag != Some("str");
    if tag == Some("null") || (plain && matches!(value, "" | "~" | "null" | "Null" | "NULL")) {
        return Err(match around {
            Some(Container::Mapping { key: Some(key) }) => {
                format!("{place}: {key:?} has no value; write one, or remove the key")
            }
            Some(Container::Mapping { key: None }) => format!("{place}: a key has no value"),
            _ => format!("{place}: an entry of a list has no value; write one, or remove it"),
        });
    }
    // keys are texts, whatever they look like
    let is_key = matches!(around, Some(Container::Mapping { key: None }));
    match (plain && !is_key).then(|| misread(value)).flatten() {
        Some(other) => Err(format!(
            "{place}: some readers of YAML take {value} for {other}: write {value:?} for the text, \
             or {other}"
        )),
        None => Ok(()),
    }
}

/// Returns the value that a reader of YAML 1.1 or 1.2 takes this word for, if it is spelled
/// differently. Decimal numbers, `true` and `false` are the same for all readers.
fn misread(word: &str) -> Option<String> {
    match word.to_ascii_lowercase().as_str() {
        "y" | "yes" | "on" => return Some("true".into()),
        "n" | "no" | "off" => return Some("false".into()),
        truth @ ("true" | "false") if truth != word => return Some(truth.into()),
        _ if is_sexagesimal(word) => return Some("a number".into()),
        _ => {}
    }
    let (sign, digits) = match word.strip_prefix(['+', '-']) {
        Some(digits) => (&word[..1], digits),
        None => ("", word),
    };
    let minus = if sign == "-" { "-" } else { "" };
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    let (radix, rest) = match plain.get(..2) {
        Some("0x" | "0X") => (16, &plain[2..]),
        Some("0o" | "0O") => (8, &plain[2..]),
        Some("0b" | "0B") => (2, &plain[2..]),
        _ if plain.len() > 1 && plain.starts_with('0') => (8, &plain[1..]),
        _ if plain.len() < digits.len() || sign == "+" => (10, plain.as_str()),
        _ => return None,
    };
    // `_apt` is a name, and so is any word with other letters
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && !rest.is_empty()
        && rest.chars().all(|c| c.is_digit(radix));
    is_number.then(|| match u128::from_str_radix(rest, radix) {
        Ok(number) => format!("{minus}{number}"),
        Err(_) => "a number".into(),
    })
}

/// Returns true for base-60 numbers of YAML 1.1, such as `12:30:45`.
fn is_sexagesimal(word: &str) -> bool {
    let digits = word.strip_prefix(['+', '-']).unwrap_or(word);
    let is_place = |place: &str| {
        (1..=2).contains(&place.len())
            && place.bytes().all(|byte| byte.is_ascii_digit())
            && place.parse::<u8>().is_ok_and(|number| number < 60)
    };
    let Some((first, rest)) = digits.split_once(':') else {
        return false;
    };
    first.starts_with(|c: char| ('1'..='9').contains(&c))
        && first
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'_')
        && rest.split(':').all(is_place)
}

#[cfg(test)]
mod tests;
