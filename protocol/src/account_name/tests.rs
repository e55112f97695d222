use super::*;

#[test]
fn names_are_one_plain_word() {
    for name in [
        "a",
        "work-2",
        "bob@example.com",
        "b+x=1@a",
        "Größe",
        "x_y.z:1",
    ] {
        assert_eq!(AccountName::parse(name).unwrap().as_str(), name);
    }
    let long = "x".repeat(65);
    for name in [
        "",
        " ",
        "a b",
        "a/b",
        "-a",
        ".a",
        "a\n",
        "a\u{202e}b",
        "a'b",
        "a,b",
        "a\\b",
        "$a",
        "@a",
        "=a",
        ":",
        &long,
    ] {
        assert!(AccountName::parse(name).is_err(), "{name:?}");
    }
    // characters that a shell or YAML gives a meaning
    for sign in ";&|*?#()<>[]{}!~%^`$\"'\\".chars() {
        let name = format!("a{sign}b");
        assert!(AccountName::parse(&name).is_err(), "{name:?}");
    }
}

#[test]
fn a_message_cannot_carry_another() {
    assert!(serde_json::from_str::<AccountName>("\"a/b\"").is_err());
    assert!(serde_json::from_str::<AccountName>("\"a\"").is_ok());
}
