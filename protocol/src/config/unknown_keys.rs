//! Finds keys of the client configuration that have no effect. They cause a warning: with a
//! misspelt `hosts:`, every server sees the account.

use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

const TOP: [&str; 3] = ["agent", "default_provider", "providers"];
const PROVIDER: [&str; 14] = [
    "access_type",
    "alias",
    "client_id",
    "client_secret",
    "expiration",
    "forwarding",
    "hosts",
    "issuer",
    "on_demand",
    "prompt",
    "redirect_uris",
    "remote_redirect_uri",
    "scopes",
    "send_access_token",
];
const AGENT: [&str; 4] = ["accounts", "default_account", "lock_on", "public_forges"];
const ACCOUNT: [&str; 4] = ["expiration", "forwarding", "hosts", "on_demand"];

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
    fn new(key: &Spanned<String>, known: &[&'static str]) -> Self {
        Self {
            key: key.value.chars().take(LONGEST_SHOWN).collect(),
            line: key.referenced.line(),
            suggestion: suggestion(&key.value, known),
        }
    }

    /// Returns the warning for this key of `file`.
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

/// Returns the unknown keys of `yaml` in file order, or none if the text is not YAML.
pub fn unknown_keys(yaml: &str) -> Vec<UnknownKey> {
    let tree = serde_saphyr::from_str::<Node>(yaml);
    let mut unknown = Vec::new();
    for (key, node) in tree.unwrap_or(Node::Leaf).entries(&TOP, &mut unknown) {
        match key.as_str() {
            "providers" => {
                for provider in node.elements() {
                    let _ = provider.entries(&PROVIDER, &mut unknown);
                }
            }
            "agent" => {
                for (key, node) in node.entries(&AGENT, &mut unknown) {
                    if key == "accounts" {
                        // its keys are account names
                        for (_, account) in node.pairs() {
                            let _ = account.entries(&ACCOUNT, &mut unknown);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    unknown
}

/// The keys of a document, with their positions.
enum Node {
    Map(Vec<(Spanned<String>, Node)>),
    List(Vec<Node>),
    Leaf,
}

impl Node {
    fn pairs(self) -> Vec<(Spanned<String>, Node)> {
        match self {
            Self::Map(pairs) => pairs,
            _ => Vec::new(),
        }
    }

    fn elements(self) -> Vec<Node> {
        match self {
            Self::List(elements) => elements,
            _ => Vec::new(),
        }
    }

    /// Returns the entries with `known` keys, and adds the other keys to `unknown`.
    fn entries(self, known: &[&'static str], unknown: &mut Vec<UnknownKey>) -> Vec<(String, Node)> {
        let mut entries = Vec::new();
        for (key, node) in self.pairs() {
            if known.contains(&key.value.as_str()) {
                entries.push((key.value, node));
            } else {
                unknown.push(UnknownKey::new(&key, known));
            }
        }
        entries
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YAML")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key()? {
            pairs.push((key, map.next_value()?));
        }
        Ok(Node::Map(pairs))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Node::Leaf)
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_str<E>(self, _: &str) -> Result<Node, E> {
        Ok(Node::Leaf)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Node, E> {
        Ok(Node::Leaf)
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
mod tests {
    use super::*;

    fn found(yaml: &str) -> Vec<(String, u64, Option<&'static str>)> {
        let unknown = unknown_keys(yaml).into_iter();
        unknown.map(|u| (u.key, u.line, u.suggestion)).collect()
    }

    #[test]
    fn every_section_has_its_own_keys() {
        let yaml = "default_provder: a\nproviders:\n  - alias: a\n    host: [x]\n    \
                    client_id: 1.5\n    scopes: null\n  - Hosts:\n      - y\n    on-demand: off\n\
                    agent:\n  hosts: [z]\n  accounts:\n    alice:\n      expiry: 1h\n      \
                    forwardng: deny\nsomething: {else: true}\n";
        let expected = [
            ("default_provder", 1, Some("default_provider")),
            ("host", 4, Some("hosts")),
            ("Hosts", 7, Some("hosts")),
            ("on-demand", 9, Some("on_demand")),
            ("hosts", 11, None),
            ("expiry", 14, None),
            ("forwardng", 15, Some("forwarding")),
            ("something", 16, None),
        ];
        let mut found = found(yaml);
        found.sort_by_key(|(_, line, _)| *line);
        let expected = expected.map(|(key, line, meant)| (key.to_owned(), line, meant));
        assert_eq!(found, expected);
    }

    #[test]
    fn known_keys_and_other_documents_are_no_matter() {
        let known = "default_provider: a\nproviders:\n  - {alias: a, issuer: i, hosts: [x], \
                     forwarding: deny, redirect_uris: [http://localhost:1/]}\n\
                     agent: {default_account: a, lock_on: [screen], public_forges: [], \
                     accounts: {b: {on_demand: off}}}\n";
        for yaml in [
            known,
            "",
            "---\n",
            "[1, 2]",
            "word",
            "providers: {a: b}",
            "a: [",
            "agent:",
        ] {
            assert_eq!(found(yaml), [], "{yaml}");
        }
    }

    #[test]
    fn the_warning_names_file_and_line() {
        let [unknown] = &unknown_keys("providers:\n- host: [x]\n")[..] else {
            panic!("not one");
        };
        assert_eq!(
            unknown.warning("config.yml"),
            "config.yml:2: unknown key host is ignored; did you mean hosts?"
        );
    }
}
