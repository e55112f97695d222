//! Finds keys of the client configuration that have no effect. They cause a warning: with a
//! misspelt `hosts:`, every server sees the account.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as _, Deserializer};
use serde_saphyr::Spanned;

use self::Shape::{AnyKeys, Keys, List, Value};

/// A part of the file.
enum Shape {
    Value,
    List(&'static Shape),
    /// A map with these keys.
    Keys(&'static [(&'static str, Shape)]),
    /// A map whose keys are names.
    AnyKeys(&'static Shape),
}

static FILE: Shape = Keys(&[
    ("agent", AGENT),
    ("default_provider", Value),
    ("providers", List(&PROVIDER)),
]);
const PROVIDER: Shape = Keys(&[
    ("access_type", Value),
    ("alias", Value),
    ("client_id", Value),
    ("client_secret", Value),
    ("expiration", Value),
    ("forwarding", Value),
    ("hosts", Value),
    ("issuer", Value),
    ("on_demand", Value),
    ("prompt", Value),
    ("redirect_uris", Value),
    ("remote_redirect_uri", Value),
    ("scopes", Value),
    ("send_access_token", Value),
]);
const AGENT: Shape = Keys(&[
    ("accounts", AnyKeys(&ACCOUNT)),
    ("default_account", Value),
    ("lock_on", Value),
    ("public_forges", Value),
]);
const ACCOUNT: Shape = Keys(&[
    ("expiration", Value),
    ("forwarding", Value),
    ("hosts", Value),
    ("on_demand", Value),
]);

/// Longest key in a message, in characters; longer keys are cut.
const LONGEST_SHOWN: usize = 64;

/// A key without effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKey {
    pub key: String,
    /// Line in the file; 0: not known.
    pub line: u64,
    /// The known key that was probably meant.
    pub suggestion: Option<&'static str>,
}

impl UnknownKey {
    pub fn warning(&self, file: &str) -> String {
        let line = match self.line {
            0 => String::new(),
            line => format!(":{line}"),
        };
        let hint = self.suggestion.map(|key| format!("; did you mean {key}?"));
        let (key, hint) = (&self.key, hint.unwrap_or_default());
        format!("{file}{line}: unknown key {key} is ignored{hint}")
    }
}

/// Returns the unknown keys of `yaml` in file order, or none if the text is no configuration.
pub fn unknown_keys(yaml: &str) -> Vec<UnknownKey> {
    let mut unknown = Vec::new();
    let check = Check {
        shape: &FILE,
        unknown: &mut unknown,
    };
    let checked = serde_saphyr::with_deserializer_from_str(yaml, |file| check.deserialize(file));
    if checked.is_err() {
        unknown.clear();
    }
    unknown
}

/// Reads a part of the file and collects its unknown keys. A missing value has none.
struct Check<'a> {
    shape: &'static Shape,
    unknown: &'a mut Vec<UnknownKey>,
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            Value => IgnoredAny::deserialize(deserializer).map(|_| ()),
            List(_) | Keys(_) | AnyKeys(_) => deserializer.deserialize_option(self),
        }
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a map")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            List(_) => deserializer.deserialize_seq(self),
            Value | Keys(_) | AnyKeys(_) => deserializer.deserialize_map(self),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let shape = match self.shape {
            List(shape) => shape,
            Value | Keys(_) | AnyKeys(_) => &Value,
        };
        let unknown = self.unknown;
        let mut next = || {
            let unknown = &mut *unknown;
            list.next_element_seed(Check { shape, unknown })
        };
        while next()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let shape = match self.shape {
                Keys(keys) => match keys.iter().find(|(name, _)| *name == key.value) {
                    Some((_, shape)) => shape,
                    None => {
                        let known: Vec<_> = keys.iter().map(|(name, _)| *name).collect();
                        self.unknown.push(UnknownKey {
                            key: key.value.chars().take(LONGEST_SHOWN).collect(),
                            line: key.referenced.line(),
                            suggestion: suggestion(&key.value, &known),
                        });
                        &Value
                    }
                },
                AnyKeys(shape) => shape,
                Value | List(_) => &Value,
            };
            let unknown = &mut *self.unknown;
            map.next_value_seed(Check { shape, unknown })?;
        }
        Ok(())
    }
}

/// Returns the known key with the smallest edit distance to `key`, if the distance is small.
pub fn suggestion<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let simple = |key: &str| key.to_ascii_lowercase().replace('-', "_");
    let key = simple(key);
    let by_distance = known.iter().map(|name| (distance(&key, name), *name));
    let (least, name) = by_distance.min()?;
    // a word with a third of its letters changed is a different word
    (least <= (name.len() / 3).min(3)).then_some(name)
}

/// Returns the Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(2 * LONGEST_SHOWN).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests;
