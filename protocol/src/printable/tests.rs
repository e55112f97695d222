use super::*;

#[test]
fn nothing_shown_steers_the_terminal() {
    let text = printable("a\u{1b}[2J\u{7f}\u{9b}b\r\n\tc\u{202e}d\u{200b}e\u{2066}\u{feff}");
    assert_eq!(
        text.to_string(),
        "a\\u{1b}[2J\\u{7f}\\u{9b}b\\r\\n\\tc\\u{202e}d\\u{200b}e\\u{2066}\\u{feff}"
    );
    assert_eq!(printable(&text.to_string()).to_string(), text.to_string());
    let tags = printable("\u{e0041}\u{61c}\u{ad}\u{2060}\u{3164}").to_string();
    assert!(tags.is_ascii(), "{tags}");
}

#[test]
fn letters_of_all_languages_stay() {
    for text in [
        "älice@例え.jp",
        "e\u{301}",
        "עברית",
        "हिन्दी",
        "C:\\x \"y\"",
        "🦀",
    ] {
        assert_eq!(printable(text).to_string(), text);
    }
}

#[test]
fn what_is_quoted_ends_where_its_quotes_do() {
    let quoted = |text| quoted(text).to_string();
    assert_eq!(quoted("a b"), "\"a b\"");
    assert_eq!(quoted("a\" rule=\"x\\"), "\"a\\\" rule=\\\"x\\\\\"");
    assert_eq!(quoted("\\u{a}\n"), "\"\\\\u{a}\\n\"");
}

#[test]
fn long_text_is_cut() {
    let long = "x".repeat(100_000);
    let shown = printable(&long).to_string();
    assert_eq!(shown.chars().count(), MAX_SHOWN + 1);
    assert_eq!(printable("abcd").at_most(3).to_string(), "abc…");
    assert_eq!(printable("abc").at_most(3).to_string(), "abc");
    assert_eq!(printable("\n\nx").at_most(1).to_string(), "\\n…");
    assert_eq!(printable("abc").quoted().at_most(2).to_string(), "\"ab\"…");
    assert_eq!(printable(&long).uncut().to_string(), long);
}

#[test]
fn json_stays_the_same_json() {
    let json = "{\n  \"a\": \"\u{9b}\u{202e}\u{e0041}é\"\n}";
    let shown = printable_json(json);
    assert_eq!(shown, "{\n  \"a\": \"\\u009b\\u202e\\udb40\\udc41é\"\n}");
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(parse(&shown), parse(json));
}
