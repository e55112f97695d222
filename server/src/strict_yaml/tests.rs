use serde_json::Value;

use super::*;

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    super::read(text.as_bytes())
}

fn error(text: &str) -> String {
    read::<Value>(text).expect_err(text)
}

#[test]
fn words_that_are_read_in_two_ways() {
    for (word, other) in [
        ("NO", "false"),
        ("n", "false"),
        ("Off", "false"),
        ("yes", "true"),
        ("Y", "true"),
        ("on", "true"),
        ("0x1F", "31"),
        ("-0x10", "-16"),
        ("0o17", "15"),
        ("0b11", "3"),
        ("0123", "83"),
        ("1_000", "1000"),
        ("+5", "5"),
        ("TRUE", "true"),
        ("False", "false"),
        ("12:30:45", "a number"),
        ("18:00", "a number"),
    ] {
        let expected = format!(
            "line 2: some readers of YAML take {word} for {other}: write \"{word}\" for the \
             text, or {other}"
        );
        assert_eq!(error(&format!("a:\n- {word}\n")), expected);
        assert!(
            error(&format!("a: {{b: {word}}}")).contains("write"),
            "{word}"
        );
        assert!(read::<Value>(&format!("{word}: a")).is_ok(), "{word}");
        for style in ["'", "\""] {
            assert!(
                read::<Value>(&format!("a: {style}{word}{style}")).is_ok(),
                "{word}"
            );
        }
        assert!(read::<Value>(&format!("a: !!str {word}")).is_ok(), "{word}");
    }
    for word in [
        "north",
        "yes.",
        "0",
        "-1",
        "10",
        "true",
        "false",
        "0x",
        "0xg",
        "08:00",
        "0.5",
        "_apt",
        "1_a",
        "2026-12-31T18:00:00Z",
        "192.0.2.0/24",
        "01a",
        "+",
        "-",
        "a_b",
        "089",
    ] {
        assert!(
            read::<Value>(&format!("a: [ {word} ]")).is_ok() || word == "-",
            "{word}"
        );
    }
}

#[test]
fn keys_without_a_value() {
    for text in [
        "a:\nb: c",
        "a: ~",
        "a: {a: null}",
        "a: !!null x",
        "b: [{a: }]",
        "a: &x\nb: *x",
    ] {
        let error = error(text);
        assert!(error.contains("\"a\" has no value"), "{text}: {error}");
    }
    assert!(error("a:\n- b\n-\n").starts_with("line 3: an entry of a list has no value"));
    assert!(error("{~: a}").contains("a key has no value"));
    for text in [
        "a: ''",
        "a: \"~\"",
        "a: 'null'",
        "a: !!str null",
        "a: |\n  null\n",
    ] {
        assert!(read::<Value>(text).is_ok(), "{text}");
    }
    for text in ["", "# nothing\n", "---\n", "--- ~\n"] {
        assert_eq!(read::<Option<Value>>(text), Ok(None), "{text:?}");
    }
}

#[test]
fn errors_are_one_line() {
    for text in [
        "[",
        "a: *x",
        "a: {b",
        "\t- a: b\n c",
        "--- a\n--- b\n",
        "a: \"x",
    ] {
        assert!(!error(text).contains('\n'), "{text}");
    }
}

#[test]
fn truth_values_are_spelled_out() {
    assert_eq!(read::<bool>("true"), Ok(true));
    assert!(read::<bool>("yes").is_err());
}
