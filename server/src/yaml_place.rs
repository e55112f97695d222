//! Errors of YAML files by line and key. Pure.

use opkssh_protocol::yaml_error;
use serde_saphyr::Error;
use serde_saphyr::granit_parser::{Event, Parser};

/// A value in a file.
struct Node {
    line: usize,
    column: usize,
    /// Such as `.rules[0].accounts`; empty: the whole file.
    path: String,
    /// The text of a scalar.
    scalar: Option<String>,
}

enum Container {
    Mapping { key: Option<String> },
    Sequence { next: usize },
}

/// Returns the error in one line, beginning with `line N: ` if that is known. A value of a wrong
/// type is named by its key, with what is expected.
pub fn explain(error: &Error, text: &str) -> String {
    let message = yaml_error::message(error);
    let error = error.without_snippet();
    let Some(place) = error.location().filter(|place| place.line() > 0) else {
        return message;
    };
    let (line, column) = (place.line() as usize, place.column() as usize);
    let nodes = nodes(text);
    let is_before = |node: &&Node| (node.line, node.column) <= (line, column);
    let reason = match (expected(error), nodes.iter().rfind(is_before)) {
        (Some(expected), Some(node)) => must_be(node, expected),
        _ => message,
    };
    format!("line {line}: {reason}")
}

/// Returns `line N: ` for the value with this path, such as `.rules[0]`; empty if there is none.
pub fn line_of(text: &[u8], path: &str) -> String {
    let nodes = nodes(&String::from_utf8_lossy(text));
    let found = nodes.iter().find(|node| node.path == path);
    found.map_or_else(String::new, |node| format!("line {}: ", node.line))
}

/// Kind of value that a key has to have.
#[derive(Clone, Copy)]
enum Expected {
    List,
    Mapping,
    Scalar,
    Text,
    Truth,
}

fn expected(error: &Error) -> Option<Expected> {
    let name = match error {
        // a list or mapping where any scalar was expected
        Error::Unexpected { expected, .. } if expected.contains("string") => {
            return Some(Expected::Scalar);
        }
        Error::Unexpected { expected, .. } => *expected,
        Error::SerdeInvalidType { expected, .. } => expected.as_str(),
        Error::InvalidScalar { ty, .. } => *ty,
        Error::InvalidBooleanStrict { .. } => "boolean",
        _ => return None,
    };
    let kinds = [
        ("sequence", Expected::List),
        ("map", Expected::Mapping),
        ("struct", Expected::Mapping),
        ("bool", Expected::Truth),
        ("string", Expected::Text),
        ("path", Expected::Text),
    ];
    let kind = kinds.into_iter().find(|(part, _)| name.contains(part));
    kind.map(|(_, kind)| kind)
}

fn must_be(node: &Node, expected: Expected) -> String {
    let key = node.path.rsplit('.').next().unwrap_or_default();
    let key = match key.split_once('[') {
        _ if key.is_empty() => "the file".to_owned(),
        Some(("", _)) => "an entry of the list".to_owned(),
        Some((list, _)) => format!("an entry of {list}"),
        None => key.to_owned(),
    };
    let expected = match (expected, &node.scalar) {
        (Expected::List, Some(text)) if !text.is_empty() => format!("a list, e.g. [{text}]"),
        (Expected::List, _) => "a list, each entry of which begins with \"- \"".to_owned(),
        (Expected::Mapping, _) => "keys and values, as in \"key: value\"".to_owned(),
        (Expected::Scalar, _) => "one value, not a list or keys".to_owned(),
        (Expected::Text, _) => "a text; quote what looks like something else".to_owned(),
        (Expected::Truth, _) => "true or false".to_owned(),
    };
    format!("{key} must be {expected}")
}

fn nodes(text: &str) -> Vec<Node> {
    let mut found = Vec::new();
    let mut around: Vec<(String, Container)> = Vec::new();
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else { break };
        let (scalar, opened) = match event {
            Event::Scalar(value, ..) => (Some(value.to_string()), None),
            Event::Alias(_) => (None, None),
            Event::SequenceStart(..) => (None, Some(Container::Sequence { next: 0 })),
            Event::MappingStart(..) => (None, Some(Container::Mapping { key: None })),
            Event::SequenceEnd | Event::MappingEnd => {
                around.pop();
                continue;
            }
            _ => continue,
        };
        let path = match around.last_mut() {
            None => Some(String::new()),
            Some((path, Container::Sequence { next })) => {
                *next += 1;
                Some(format!("{path}[{}]", *next - 1))
            }
            Some((path, Container::Mapping { key })) => match key.take() {
                Some(name) => Some(format!("{path}.{name}")),
                None => {
                    *key = Some(scalar.clone().unwrap_or_default());
                    None
                }
            },
        };
        if let Some(path) = &path {
            found.push(Node {
                line: span.start.line(),
                column: span.start.col() + 1,
                path: path.clone(),
                scalar,
            });
        }
        around.extend(opened.map(|opened| (path.unwrap_or_default(), opened)));
    }
    found
}

#[cfg(test)]
mod tests;
