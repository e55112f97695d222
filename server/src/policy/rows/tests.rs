use super::*;

fn read(text: &str, account: Option<&str>) -> (Vec<String>, Vec<String>) {
    let mut file = RowFile::new("f", account);
    // in pieces of complete lines
    text.split_inclusive('\n')
        .for_each(|line| file.read(line.as_bytes()));
    let problems = file.take_problems();
    let rows = file.rows().map(|row| {
        format!(
            "{}: {} {:?} {}",
            row.place, row.principal, row.identity, row.issuer
        )
    });
    (rows.collect(), problems)
}

#[test]
fn the_rows_of_one_account_are_kept_and_every_line_that_is_no_row_is_named() {
    let text = "a x i\nb y i\n'a' oidc:x i\nb oidc:x i\na\nb 'z z' \"i\"\na b c\nA b c\n";
    let (rows, problems) = read(text, Some("a"));
    assert_eq!(
        rows,
        [
            "f line 1: a Exactly(\"x\") i",
            "f line 7: a Exactly(\"b\") c"
        ]
    );
    assert_eq!(
        problems,
        [
            "f line 3 can never match: expected oidc:CLAIM:VALUE",
            "f line 5: wrong number of arguments (expected=3, got=1)",
        ]
    );
    let (rows, problems) = read(text, None);
    assert_eq!(rows.len(), 5);
    assert_eq!(rows[2], "f line 6: b Exactly(\"z z\") i");
    assert_eq!(problems.len(), 3);
}

#[test]
fn a_byte_order_mark_counts_at_the_start_of_the_file_only() {
    let (rows, _) = read("\u{feff}a x i\n\u{feff}a x i\n", None);
    assert_eq!(
        rows,
        [
            "f line 1: a Exactly(\"x\") i",
            "f line 2: \u{feff}a Exactly(\"x\") i"
        ]
    );
}

#[test]
fn a_file_of_problems_is_described_in_a_few_lines() {
    let (rows, problems) = read(&"x\n".repeat(100_000), Some("a"));
    assert!(rows.is_empty());
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert_eq!(
        problems[MAX_PROBLEMS],
        "f has 99980 more; see: opkssh audit"
    );
}
