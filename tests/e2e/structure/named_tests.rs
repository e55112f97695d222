//! The threat model names tests; they exist.

use std::path::Path;

use super::with_extension;

#[test]
fn the_tests_that_the_threat_model_names_exist() {
    let tests: Vec<(Vec<String>, String)> = with_extension("rs")
        .flat_map(|(file, text)| {
            let modules = modules(Path::new(&file));
            let functions = text.lines().filter_map(|line| {
                let (_, rest) = line.split_once("fn ")?;
                let (name, _) = rest.split_once('(')?;
                Some((modules.clone(), name.to_owned()))
            });
            functions.collect::<Vec<_>>()
        })
        .collect();
    let is_there = |path: &[&str], name: &str| {
        // most tests of a crate are in a module of their file
        let inline = path.strip_suffix(&["tests"]).unwrap_or(path);
        tests.iter().any(|(modules, test)| {
            let modules: Vec<_> = modules.iter().map(String::as_str).collect();
            test == name && (modules.ends_with(path) || modules.ends_with(inline))
        })
    };
    let (_, text) = with_extension("md")
        .find(|(file, _)| file.ends_with("docs/threat-model.md"))
        .expect("the threat model");
    let mut named = 0;
    let mut before = Vec::new();
    for word in text.split('`').skip(1).step_by(2) {
        let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:…".contains(c);
        // a test's name is a sentence
        let Some((path, name)) = word
            .rsplit_once("::")
            .filter(|(_, name)| word.chars().all(is_path) && name.matches('_').count() > 1)
        else {
            continue;
        };
        named += 1;
        if path != "…" {
            before = path.split("::").collect();
        }
        assert!(is_there(&before, name), "there is no {word}");
    }
    assert!(named > 20, "only {named} tests");
}

/// Returns the modules that a source file's path stands for.
fn modules(file: &Path) -> Vec<String> {
    let file = file.with_extension("");
    let words = file.iter().filter_map(|word| word.to_str());
    let words = words.filter(|word| !matches!(*word, "mod" | "main" | "lib"));
    words.map(str::to_owned).collect()
}
