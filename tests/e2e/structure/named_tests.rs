//! The threat model names tests; they exist.

use std::collections::BTreeSet;

use super::with_extension;

#[test]
fn the_tests_that_the_threat_model_names_exist() {
    let tests: BTreeSet<String> = with_extension("rs")
        .flat_map(|(_, text)| {
            let functions = text.lines().filter_map(|line| {
                let (_, rest) = line.split_once("fn ")?;
                let (name, _) = rest.split_once('(')?;
                Some(name.to_owned())
            });
            functions.collect::<Vec<_>>()
        })
        .collect();
    let (_, text) = with_extension("md")
        .find(|(file, _)| file.ends_with("docs/threat-model.md"))
        .expect("the threat model");
    let mut named = 0;
    for word in text.split('`').skip(1).step_by(2) {
        let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:…".contains(c);
        // a test's name is a sentence
        let Some((_, name)) = word
            .rsplit_once("::")
            .filter(|(_, name)| word.chars().all(is_path) && name.matches('_').count() > 1)
        else {
            continue;
        };
        named += 1;
        assert!(tests.contains(name), "there is no {word}");
    }
    assert!(named > 20, "only {named} tests");
}
