//! JSON for OpenPubkey: unambiguous reading, and Go's canonical writing.

use std::fmt::{self, Write as _};

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::printable::quoted;

/// Reason for refusing a JSON text.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum JsonError {
    #[error("not a JSON object: {0}")]
    Syntax(#[from] serde_json::Error),
    #[error("numbers are not allowed here")]
    Number,
}

/// A JSON object with unique members.
pub type Object = Map<String, Value>;

/// Reads an object. Refuses duplicate members at any level, because programs disagree about which
/// one counts.
pub fn parse_object(bytes: &[u8]) -> Result<Object, JsonError> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Unique.deserialize(&mut deserializer)?;
    deserializer.end()?;
    match value {
        Value::Object(object) => Ok(object),
        _ => Err(JsonError::Syntax(de::Error::custom("expected an object"))),
    }
}

/// Reads an object as Go does: the last duplicate member wins, and an unpaired surrogate escape
/// becomes U+FFFD.
pub fn parse_object_like_go(bytes: &[u8]) -> Result<Object, JsonError> {
    Ok(serde_json::from_slice(&replace_lone_surrogates(bytes))?)
}

/// Writes `object` as Go's `encoding/json` does: members sorted by bytes at every level, no white
/// space, and `<`, `>`, `&`, U+2028 and U+2029 escaped.
///
/// Refuses numbers: Go converts them to doubles, and no known client writes any.
pub fn canonical(object: &Object) -> Result<String, JsonError> {
    let mut out = String::with_capacity(256);
    write_object(&mut out, object)?;
    Ok(out)
}

fn write_object(out: &mut String, object: &Object) -> Result<(), JsonError> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by(|a, b| a.0.as_bytes().cmp(b.0.as_bytes()));
    out.push('{');
    for (i, (name, value)) in members.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, name);
        out.push(':');
        write_value(out, value)?;
    }
    out.push('}');
    Ok(())
}

fn write_value(out: &mut String, value: &Value) -> Result<(), JsonError> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(_) => return Err(JsonError::Number),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item)?;
            }
            out.push(']');
        }
        Value::Object(object) => write_object(out, object)?,
    }
    Ok(())
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // writing to a String cannot fail
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

/// Rewrites unpaired `\uD8xx` escapes, which serde_json refuses, as `\ufffd`.
fn replace_lone_surrogates(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        if first != b'\\' {
            out.push(first);
            rest = tail;
            continue;
        }
        let (escape, after) = rest.split_at(rest.len().min(2));
        match surrogate(rest) {
            None => {
                out.extend_from_slice(escape);
                rest = after;
            }
            Some(0xd800..=0xdbff) if matches!(surrogate(&rest[6..]), Some(0xdc00..=0xdfff)) => {
                out.extend_from_slice(&rest[..12]);
                rest = &rest[12..];
            }
            Some(_) => {
                out.extend_from_slice(b"\\ufffd");
                rest = &rest[6..];
            }
        }
    }
    out
}

/// Returns the surrogate encoded by an escape at the start of `text`.
fn surrogate(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16)
        .ok()
        .filter(|code| (0xd800..=0xdfff).contains(code))
}

/// Builds a [`Value`] and refuses duplicate members.
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(Unique)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<Name>()? {
            let value = members.next_value_seed(Unique)?;
            if object.insert(name.0.clone(), value).is_some() {
                return Err(de::Error::custom(format!(
                    "member {} appears twice",
                    quoted(&name.0)
                )));
            }
        }
        Ok(Value::Object(object))
    }
}

struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_members_are_refused_at_any_level() {
        assert!(parse_object(br#"{"a":1,"a":2}"#).is_err());
        assert!(parse_object(br#"{"x":[{"a":1,"\u0061":2}]}"#).is_err());
        assert!(parse_object(br#"{"a":{"b":1},"b":1}"#).is_ok());
    }

    #[test]
    fn only_whole_objects_are_read() {
        for text in ["null", "[]", "\"x\"", "", "{} {}", "{\"a\":1"] {
            assert!(parse_object(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_not_a_stack_overflow() {
        let text = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse_object(text.as_bytes()).is_err());
        assert!(parse_object_like_go(text.as_bytes()).is_err());
    }

    #[test]
    fn surrogate_escapes_at_the_end_of_input_do_not_panic() {
        for text in [
            "\\",
            "\\u",
            "\\ud800",
            "{\"a\":\"\\ud800\\u",
            "\\ud800\\udc0",
            "\\\\ud800",
        ] {
            let _ = parse_object_like_go(text.as_bytes());
        }
    }
}
