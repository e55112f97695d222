//! Every command line in the help and in the documents parses.

use std::path::Path;

use super::*;

/// The command lines in a line of text: what follows `opkssh `, up to the end of a shell's command.
fn command_lines(line: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(at) = rest.find("opkssh ") {
        let before = rest[..at].trim_start();
        rest = &rest[at + "opkssh ".len()..];
        let starts = [
            "sudo ",
            "$ ",
            "(",
            "| ",
            "&& ",
            "; ",
            "\"",
            "`",
            " /usr/local/bin/",
        ];
        let copies = before.contains("install ");
        if before.is_empty() || !copies && starts.iter().any(|start| before.ends_with(start)) {
            found.push(words(rest));
        }
    }
    found
}

/// The words of the shell's command that `text` begins with.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' => words.extend(word.take()),
            '\'' | '"' if text[text.len() - letters.as_str().len()..].contains(letter) => {
                let quoted = letters.by_ref().take_while(|next| *next != letter);
                word.get_or_insert_default().extend(quoted);
            }
            '"' | ')' | ';' | '>' | '&' => break,
            '#' | '|' if word.is_none() => break,
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

/// The commands that a synopsis stands for: `[X]` may be left out, `a|b` is one of them.
fn meant_by(words: &[String]) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    for word in words {
        let optional = word.starts_with('[') || word.ends_with(']');
        let word = word.trim_matches(['[', ']', ',', '.', ':']);
        if optional {
            // without it; options with a value have both words in brackets
            break;
        }
        let choices = word.split('|');
        all = choices
            .flat_map(|choice| {
                let add = |words: &Vec<String>| [&words[..], &[choice.to_owned()]].concat();
                all.iter().map(add).collect::<Vec<_>>()
            })
            .collect();
    }
    all
}

#[track_caller]
fn parses(words: &[String], place: &str) {
    let words = words.iter().filter(|word| *word != "…").map(OsString::from);
    let words: Vec<OsString> = [OsString::from("opkssh")]
        .into_iter()
        .chain(words)
        .collect();
    if let Err(failure) = parse(words.iter().cloned()) {
        // the name of a command is no example of it
        let is_name = path(&words).len() + 1 == words.len();
        assert!(is_name, "{place}: {words:?}: {}", failure.message);
    }
}

#[cfg(all(feature = "client", feature = "server"))]
#[test]
fn every_command_line_in_the_documents_parses() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let documents = std::fs::read_dir(root.join("docs")).unwrap();
    let documents = documents.map(|document| document.unwrap().path());
    let mut checked = 0;
    for document in documents.chain([root.join("README.md")]) {
        let text = std::fs::read_to_string(&document).unwrap();
        let place = document.display().to_string();
        let mut in_code = false;
        for line in text.lines() {
            in_code ^= line.starts_with("```");
            if in_code {
                for command in command_lines(line) {
                    parses(&command, &place);
                    checked += 1;
                }
                continue;
            }
            for span in line.split('`').skip(1).step_by(2) {
                let command = span.strip_prefix("sudo ").unwrap_or(span);
                if let Some(command) = command.strip_prefix("opkssh ") {
                    for command in meant_by(&words(command)) {
                        parses(&command, &place);
                        checked += 1;
                    }
                }
            }
        }
    }
    assert!(checked > 100, "only {checked}");
}

#[cfg(all(feature = "client", feature = "server"))]
#[test]
fn every_example_of_the_help_is_of_its_command_and_parses() {
    let mut command = String::new();
    for line in EXAMPLES.lines() {
        if !line.starts_with(' ') {
            command = line.to_owned();
            let names: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(
                path(&names).len() + 1,
                names.len(),
                "{line}: no such command"
            );
            continue;
        }
        for words in command_lines(line) {
            parses(&words, &command);
            let line = format!("opkssh {}", words.join(" "));
            assert!(line.starts_with(&command), "{command}: {line}");
        }
    }
}

#[test]
fn what_a_shell_would_run_is_found() {
    let lines = command_lines("eval \"$(opkssh agent env)\"  # x; opkssh y");
    assert_eq!(lines[0], ["agent", "env"]);
    let lines = command_lines("echo 'a' | sudo opkssh add x 'y z' w # c");
    assert_eq!(lines, [["add", "x", "y z", "w"]]);
    assert_eq!(
        command_lines("Match exec \"opkssh ensure -q work\"")[0],
        ["ensure", "-q", "work"]
    );
    let synopsis = ["cache", "show|clear", "[ISSUER]"].map(str::to_owned);
    assert_eq!(meant_by(&synopsis), [["cache", "show"], ["cache", "clear"]]);
}
