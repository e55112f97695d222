use proptest::prelude::*;

use super::*;

fn words(text: &str) -> Vec<[String; 3]> {
    read(text.as_bytes())
        .rows
        .into_iter()
        .map(|row| row.words.map(Cow::into_owned))
        .collect()
}

fn row(text: &str) -> [String; 3] {
    let rows = words(text);
    assert_eq!(rows.len(), 1, "{text:?}");
    rows.into_iter().next().unwrap()
}

fn reason(text: &str) -> String {
    let table = read(text.as_bytes());
    assert!(table.rows.is_empty(), "{text:?}");
    table.problems[0].reason.to_string()
}

#[test]
fn row_104_line_ends_byte_order_mark_tabs_indentation() {
    for text in [
        "a b c",
        "a b c\n",
        "a b c\r\n",
        "\u{feff}a b c\n",
        "\ta\t b  c",
        "\n\u{a0}a b c",
    ] {
        assert_eq!(row(text), ["a", "b", "c"], "{text:?}");
    }
    assert_eq!(words("a b c\r\n\r\nd e f").len(), 2);
    assert_eq!(read(b"# x\n\na b c").rows[0].line, 3);
}

#[test]
fn row_105_other_separators_lose_the_row() {
    assert_eq!(
        reason("a b c\rd e f"),
        "wrong number of arguments (expected=3, got=5)"
    );
    assert_eq!(
        reason("a\u{a0}b\u{a0}c"),
        "wrong number of arguments (expected=3, got=1)"
    );
    assert_eq!(
        reason("a\u{b}b\u{c}c"),
        "wrong number of arguments (expected=3, got=1)"
    );
    assert!(read(b"\xff\xfea\0 \0b\0 \0c\0").rows.is_empty());
    assert_eq!(row("a b\0 c"), ["a", "b\0", "c"]);
}

#[test]
fn row_106_a_hash_cuts_everywhere() {
    assert_eq!(row("a b c#d"), ["a", "b", "c"]);
    assert_eq!(row("a b c # d"), ["a", "b", "c"]);
    assert_eq!(row(r"a b c\\#d"), ["a", "b", r"c\"]);
    assert_eq!(
        reason("a b 'c#d'"),
        "unable to parse (unterminated single-quoted string), skipping"
    );
    assert_eq!(
        reason(r"a b c\#d"),
        "unable to parse (unterminated backslash-escape), skipping"
    );
    assert_eq!(words("# a b c\n   #\n#"), Vec::<[String; 3]>::new());
}

#[test]
fn row_107_and_108_a_bad_line_harms_no_other() {
    let table = read(b"a 'b c\na b\na b c d\na \"b c\nx y z\n");
    assert_eq!(table.rows.len(), 1);
    assert_eq!(table.rows[0].line, 5);
    assert_eq!(
        table.problems.iter().map(|p| p.line).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    assert_eq!(
        table.problems[1].to_string(),
        "line 2: wrong number of arguments (expected=3, got=2)"
    );
}

#[test]
fn words_are_split_as_a_shell_splits_them() {
    assert_eq!(row(r#"a 'b  "c\' d"#), ["a", r#"b  "c\"#, "d"]);
    assert_eq!(
        row(r#"a "b \" \\ \$ \` \n" c"#),
        ["a", r#"b " \ $ ` \n"#, "c"]
    );
    assert_eq!(row(r"a b\ c d"), ["a", "b c", "d"]);
    assert_eq!(row(r#"a b'c'"d"e f"#), ["a", "bcde", "f"]);
    assert_eq!(row("'' \"\" x"), ["", "", "x"]);
    assert_eq!(row("a $HOME *"), ["a", "$HOME", "*"]);
    assert_eq!(
        row(r#"a oidc:\"https://x.example/g\":dev i"#)[1],
        r#"oidc:"https://x.example/g":dev"#
    );
}

#[test]
fn rows_are_quoted_as_go_quotes() {
    let line = |word| write_row(["u", word, "https://i"]).unwrap();
    assert_eq!(line("a@b"), "u a@b https://i\n");
    assert_eq!(line("a b"), "u 'a b' https://i\n");
    assert_eq!(line("a 'b"), "u 'a '\\''b' https://i\n");
    assert_eq!(line("~a~*"), "u \\~a~\\* https://i\n");
    assert_eq!(line(r#"oidc:"g":x"#), "u oidc:\\\"g\\\":x https://i\n");
}

#[test]
fn what_cannot_be_read_back_is_not_written() {
    const CONTROL: &str = "it contains a line break or another control character";
    for (word, why) in [
        ("", "it is empty"),
        (
            "a#b",
            "it contains a '#', which starts a comment even inside quotes",
        ),
        ("a\nb", CONTROL),
        ("a\0b", CONTROL),
        ("\u{feff}a", CONTROL),
    ] {
        assert_eq!(write_row(["u", word, "i"]), Err(why), "{word:?}");
    }
}

/// Returns the rows of a text by the general grammar, without the fast paths.
fn rows_of_any_text(bytes: &[u8]) -> Vec<Result<(usize, Vec<String>), Problem>> {
    let words = |line: &[u8]| {
        let line = std::str::from_utf8(without_comment(line)).map_err(|_| NotARow::Encoding)?;
        let words = split(line.trim()).map_err(NotARow::Unterminated)?;
        match words.len() {
            0 => Ok(None),
            3 => Ok(Some(words)),
            count => Err(NotARow::WordCount(count)),
        }
    };
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let rows = lines.filter_map(|(text, line)| match words(text) {
        Ok(words) => Some(Ok((line, words?))),
        Err(reason) => Some(Err(Problem { line, reason })),
    });
    rows.collect()
}

/// Generates lines with many or few grammar elements, and sometimes an invalid byte.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let piece = r"( |\t|\n|[ab:/@]{1,3})";
    let white = r"(\r|\x0b|\x0c|\xa0|\u3000|\u2028|\x00|é)";
    let pieces = [
        piece.to_owned(),
        format!("({piece}|{white})"),
        format!("({piece}|{white}|#)"),
        format!(r#"({piece}|{white}|['"\\#])"#),
    ];
    let text = proptest::sample::select(pieces.to_vec()).prop_flat_map(|piece| {
        let piece = proptest::string::string_regex(&piece).unwrap();
        proptest::collection::vec(piece, 0..30)
    });
    let byte = prop_oneof![4 => Just(None), 1 => any::<u8>().prop_map(Some)];
    (text, byte, any::<proptest::sample::Index>()).prop_map(|(pieces, byte, at)| {
        let mut text = pieces.concat().into_bytes();
        let at = at.index(text.len() + 1);
        text.splice(at..at, byte);
        text
    })
}

proptest! {
    #[test]
    fn the_shorter_ways_read_what_the_grammar_says(bytes in text()) {
        let read = rows(&bytes).map(|row| {
            row.map(|row| (row.line, row.words.map(Cow::into_owned).to_vec()))
        });
        prop_assert_eq!(read.collect::<Vec<_>>(), rows_of_any_text(&bytes));
    }
}
