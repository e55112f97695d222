use super::*;

fn claims(value: &Value) -> Object {
    let text = serde_json::json!({ "c": value }).to_string();
    opkssh_protocol::json::parse_object(text.as_bytes()).unwrap()
}

fn source(domains: Option<&[&str]>) -> ClaimText {
    ClaimText {
        path: Path::new(vec!["c".into()]).unwrap(),
        mail_domains: domains.map(|all| all.iter().map(|d| (*d).to_owned()).collect()),
    }
}

fn word(kind: Kind, text: &str) -> Result<String, String> {
    source(None).word(kind, &claims(&text.into()))
}

#[test]
fn words_cannot_reach_a_shell_or_an_option() {
    let long = "a".repeat(129);
    for text in [
        "",
        " ",
        "a b",
        "a\nb",
        "a\"",
        "a'",
        "a\\",
        "a`id`",
        "$(id)",
        "a;b",
        "a|b",
        "a&b",
        "a>b",
        "-a",
        ".a",
        "../a",
        "a/b",
        "a..b",
        "*",
        "a,b",
        "a=b",
        "a#b",
        "a{b}",
        "ä",
        "a\0",
        "a\u{202e}b",
        "\u{212a}elvin",
        "~root",
        "!x",
        "a:b",
        "%h",
        &long,
    ] {
        for kind in [Kind::User, Kind::Word] {
            assert!(word(kind, text).is_err(), "{kind:?} {text:?}");
        }
    }
    for text in ["alice", "Alice.B-c_d", "_x", "0"] {
        assert_eq!(word(Kind::User, text).unwrap(), text);
    }
    assert!(word(Kind::User, "a@x").is_err());
    assert_eq!(word(Kind::Word, "a+b@x.example").unwrap(), "a+b@x.example");
    for value in [
        Value::Null,
        5.into(),
        true.into(),
        Value::Array(vec!["a".into()]),
    ] {
        assert!(
            source(None).word(Kind::Word, &claims(&value)).is_err(),
            "{value}"
        );
    }
}

#[test]
fn blocks_are_never_patterns() {
    let read = |value: Value| source(None).cidrs(&claims(&value)).map(|all| all.len());
    assert_eq!(read("10.0.0.0/8, 2001:db8::/32".into()), Ok(2));
    assert_eq!(read(serde_json::json!(["10.1.2.3"])), Ok(1));
    for value in [
        serde_json::json!(""),
        serde_json::json!([]),
        serde_json::json!("*"),
        serde_json::json!(["10.0.0.1", "*"]),
        serde_json::json!(["10.0.0.1\",command=\"id"]),
        serde_json::json!("10.0.0.1,"),
        serde_json::json!("!10.0.0.1"),
        serde_json::json!(["10.0.0.1", 5]),
        serde_json::json!({"a": "10.0.0.1"}),
        serde_json::json!(vec!["10.0.0.1"; 65]),
        Value::Null,
    ] {
        assert!(read(value.clone()).is_err(), "{value}");
    }
}

#[test]
fn accounts_from_mail_addresses_of_named_domains_only() {
    let name = AccountName {
        text: source(Some(&["x.example"])),
        prefix: "u-".into(),
        suffix: String::new(),
    };
    let of = |text: &str| name.of(&claims(&text.into()));
    assert_eq!(of("alice@x.example").unwrap(), "u-alice");
    assert_eq!(of("alice@X.EXAMPLE").unwrap(), "u-alice");
    for text in [
        "alice",
        "alice@evil.example",
        "alice@notx.example",
        "alice@x.example@evil.example",
        "alice@evil@x.example",
        "@x.example",
        "Alice@x.example",
        "alice+root@x.example",
        "-a@x.example",
        "0@x.example",
        "a b@x.example",
        "a\n@x.example",
        "abcdefghijabcdefghijabcdefghijabc@x.example",
    ] {
        assert!(of(text).is_err(), "{text:?}");
    }
}
