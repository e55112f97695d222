//! Finds keys of the client configuration that have no effect, and values of a wrong type. The
//! former cause a warning: with a misspelt `hosts:`, every server sees the account.

use std::fmt;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as _, Deserializer};
use serde_saphyr::Spanned;

use self::Shape::{AnyKeys, Flag, Keys, List, Text, Texts};

/// A part of the file. Texts have an example.
enum Shape {
    /// Any scalar.
    Text(&'static str),
    Flag,
    Texts(&'static str),
    List(&'static Shape),
    /// A map with these keys.
    Keys(&'static [(&'static str, Shape)]),
    /// A map whose keys are names.
    AnyKeys(&'static Shape),
}

static FILE: Shape = Keys(&[
    ("agent", AGENT),
    ("default_provider", Text("work")),
    ("providers", List(&PROVIDER)),
]);
const HOSTS: Shape = Texts("[\"*.example.com\"]");
const VIA: Shape = Texts("[jump.example.com]");
const PROVIDER: Shape = Keys(&[
    ("access_type", Text("offline")),
    ("allow_via", VIA),
    ("alias", Text("work")),
    ("client_id", Text("opkssh")),
    ("client_secret", Text("\"...\"")),
    ("confirm_local", Flag),
    ("expiration", Text("24h")),
    ("forwarding", Text("allow")),
    ("hosts", HOSTS),
    ("issuer", Text("https://id.example.com")),
    ("on_demand", Text("notify")),
    ("prompt", Text("consent")),
    (
        "redirect_uris",
        Texts("[\"http://localhost:3000/login-callback\"]"),
    ),
    (
        "remote_redirect_uri",
        Text("https://relay.example.com/callback"),
    ),
    ("scopes", Text("openid email offline_access")),
    ("send_access_token", Flag),
]);
const AGENT: Shape = Keys(&[
    ("accounts", AnyKeys(&ACCOUNT)),
    ("default_account", Text("work")),
    ("lock_on", Texts("[screen, sleep]")),
    ("public_forges", Texts("[github.com]")),
    ("upstream", Texts("[gnome-keyring]")),
]);
const ACCOUNT: Shape = Keys(&[
    ("allow_via", VIA),
    ("confirm_local", Flag),
    ("expiration", Text("24h")),
    ("forwarding", Text("allow")),
    ("hosts", HOSTS),
    ("on_demand", Text("notify")),
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

/// A key whose value has another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongType {
    pub line: u64,
    /// The key, and what it must be.
    pub reason: String,
}

/// What is remarkable about the keys of a file.
#[derive(Default)]
pub struct Findings {
    /// In file order.
    pub unknown: Vec<UnknownKey>,
    /// The first one.
    pub wrong_type: Option<WrongType>,
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

/// Looks at the keys of `yaml`. Finds nothing if the text is no YAML.
pub fn check_keys(yaml: &str) -> Findings {
    let mut findings = Findings::default();
    let check = Check {
        shape: Some(&FILE),
        key: ("the file", 1),
        findings: &mut findings,
    };
    let checked = serde_saphyr::with_deserializer_from_str(yaml, |file| check.deserialize(file));
    match checked {
        Ok(()) => findings,
        Err(_) => Findings::default(),
    }
}

/// Reads a part of the file. A missing value is fine.
struct Check<'a> {
    /// `None`: anything.
    shape: Option<&'static Shape>,
    /// The key whose value this is in, and its line.
    key: (&'a str, u64),
    findings: &'a mut Findings,
}

impl Check<'_> {
    /// Notes that the value has another type, unless an earlier one has.
    fn wrong(self) -> Self {
        let (key, line) = self.key;
        let expected = match self.shape {
            None => return self,
            Some(Text(example)) => format!("a text, e.g. {example}"),
            Some(Texts(example)) => format!("a list, e.g. {example}"),
            Some(Flag) => "true or false".to_owned(),
            Some(List(_)) => "a list, each item of which begins with \"- \"".to_owned(),
            Some(Keys(_) | AnyKeys(_)) => "keys and values, as in \"key: value\"".to_owned(),
        };
        let reason = format!("{} must be {expected}", cut(key));
        let first = &mut self.findings.wrong_type;
        first.get_or_insert(WrongType { line, reason });
        self
    }

    fn scalar<E>(self, is_flag: bool) -> Result<(), E> {
        match self.shape {
            Some(Flag) if !is_flag => drop(self.wrong()),
            None | Some(Text(_) | Flag) => {}
            Some(_) => drop(self.wrong()),
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.shape {
            None => IgnoredAny::deserialize(deserializer).map(|_| ()),
            Some(_) => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.scalar(true)
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.scalar(false)
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.scalar(false)
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.scalar(false)
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        let text = text.to_ascii_lowercase();
        // as in YAML 1.1
        self.scalar(["y", "yes", "on", "n", "no", "off"].contains(&text.as_str()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let shape = match self.shape {
            Some(List(shape)) => Some(*shape),
            _ => None,
        };
        let Self { key, findings, .. } = match self.shape {
            Some(Texts(_) | List(_)) => self,
            _ => self.wrong(),
        };
        let mut next = || {
            let findings = &mut *findings;
            list.next_element_seed(Check {
                shape,
                key,
                findings,
            })
        };
        while next()?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let shape = self.shape;
        let Self { findings, .. } = match shape {
            Some(Keys(_) | AnyKeys(_)) => self,
            _ => self.wrong(),
        };
        while let Some(name) = map.next_key::<Spanned<String>>()? {
            let key = (name.value.as_str(), name.referenced.line());
            let shape = match shape {
                Some(Keys(keys)) => match keys.iter().find(|(known, _)| *known == key.0) {
                    Some((_, shape)) => Some(shape),
                    None => {
                        let known: Vec<_> = keys.iter().map(|(known, _)| *known).collect();
                        findings.unknown.push(UnknownKey {
                            key: cut(key.0),
                            line: key.1,
                            suggestion: suggestion(key.0, &known),
                        });
                        None
                    }
                },
                Some(AnyKeys(shape)) => Some(*shape),
                _ => None,
            };
            let findings = &mut *findings;
            map.next_value_seed(Check {
                shape,
                key,
                findings,
            })?;
        }
        Ok(())
    }
}

fn cut(key: &str) -> String {
    key.chars().take(LONGEST_SHOWN).collect()
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
