//! A type's `impl` blocks are in at most three files of its crate: what it does can be read in one
//! place.
//!
//! Counted are inherent blocks and those of traits, except of the traits in [`PLAIN`], which say
//! how a type is printed, made and compared. Types are told apart by name alone. Tests, at the end
//! of a file and in files of their own, are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::with_extension;

const MOST_FILES: usize = 3;

/// Traits that do not count.
const PLAIN: [&str; 16] = [
    "Clone",
    "Debug",
    "Default",
    "Deserialize",
    "Display",
    "Drop",
    "Eq",
    "Error",
    "From",
    "FromStr",
    "Hash",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Serialize",
    "TryFrom",
];

/// Returns the types that a file has counted `impl` blocks for.
fn types(text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]\nmod tests {").next();
    let mut types = BTreeSet::new();
    let mut header = String::new();
    for line in text.unwrap_or_default().lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if header.is_empty() && !line.starts_with("impl ") && !line.starts_with("impl<") {
            continue;
        }
        header.push_str(line);
        header.push(' ');
        if line.contains(['{', ';']) {
            types.extend(implemented(&header));
            header.clear();
        }
    }
    types
}

/// Returns the type that a block with this header is for; `None` if the block does not count.
fn implemented(header: &str) -> Option<String> {
    let header = header.split('{').next()?;
    let header = header.split(" where ").next()?.strip_prefix("impl")?;
    let header = without_generics(header);
    let (name, is_plain) = match header.split_once(" for ") {
        Some((of, name)) => (name, PLAIN.contains(&last_name(of).as_str())),
        None => (header.as_str(), false),
    };
    (!is_plain).then(|| last_name(name))
}

/// Returns the text without what is between `<` and `>`, however deep.
fn without_generics(text: &str) -> String {
    let mut depth = 0;
    let mut before = ' ';
    let mut rest = String::new();
    for c in text.chars() {
        match c {
            '<' => depth += 1,
            // not the arrow of a function's type
            '>' if before != '-' => depth -= 1,
            _ if depth == 0 => rest.push(c),
            _ => {}
        }
        before = c;
    }
    rest
}

/// Returns the last name of a path, which may be behind a reference.
fn last_name(path: &str) -> String {
    let names = path.split(|c: char| !c.is_alphanumeric() && c != '_');
    let mut names = names.filter(|name| !name.is_empty());
    names.next_back().unwrap_or_default().to_owned()
}

/// Returns the directory of the crate whose source this file is; `None` for tests and the like.
fn crate_of(file: &Path) -> Option<String> {
    let names: Vec<_> = file.iter().map(|name| name.to_string_lossy()).collect();
    let source = names.iter().position(|name| name == "src")?;
    let is_test = names
        .iter()
        .any(|name| name == "tests" || name == "tests.rs");
    (!is_test).then(|| names[..source].join("/"))
}

#[test]
fn no_type_is_spread_over_many_files() {
    let mut spread: BTreeMap<(String, String), BTreeSet<PathBuf>> = BTreeMap::new();
    for (file, text) in with_extension("rs") {
        if let Some(of) = crate_of(&file) {
            for name in types(&text) {
                let files = spread.entry((of.clone(), name)).or_default();
                files.insert(file.clone());
            }
        }
    }
    assert!(spread.len() > 200, "only {} types", spread.len());
    spread.retain(|_, files| files.len() > MOST_FILES);
    assert!(spread.is_empty(), "in too many files: {spread:#?}");
}

#[test]
fn headers_are_read_with_their_generics_and_bounds() {
    for (header, name) in [
        ("impl Account {", Some("Account")),
        ("impl<'a> Worker<'a> {", Some("Worker")),
        (
            "impl<F: Fn(u8) -> Vec<u8>> super::Place<F> {",
            Some("Place"),
        ),
        ("impl logind::Follower for Arc<Accounts> {", Some("Arc")),
        ("impl<T> Frame for &mut T where T: Read {", Some("T")),
        ("impl fmt::Display for StoreError {", None),
        ("impl From<Vec<u8>> for Secret {", None),
    ] {
        assert_eq!(implemented(header).as_deref(), name, "{header}");
    }
}
