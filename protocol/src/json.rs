//! JSON for OpenPubkey: unambiguous reading, and Go's canonical writing.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::printable::{push_json_escape, quoted};

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
    if object.values().any(has_number) {
        return Err(JsonError::Number);
    }
    let mut value = Value::Object(object.clone());
    value.sort_all_objects();
    Ok(escaped_like_go(&value.to_string()))
}

fn has_number(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => false,
        Value::Number(_) => true,
        Value::Array(items) => items.iter().any(has_number),
        Value::Object(members) => members.values().any(has_number),
    }
}

/// Escapes what Go's `encoding/json` escapes and `serde_json` does not; occurs only within strings.
pub(crate) fn escaped_like_go(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => push_json_escape(&mut escaped, character),
            _ => escaped.push(character),
        }
    }
    escaped
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
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                let twice = format!("member {} appears twice", quoted(&name));
                return Err(de::Error::custom(twice));
            }
            object.insert(name, members.next_value_seed(Unique)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests;
