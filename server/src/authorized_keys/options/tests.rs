use super::*;

/// Parses the text after `name=` like sshd: returns the value and the rest after the quotes.
fn as_sshd_reads(text: &str) -> (String, String) {
    let mut rest = text.strip_prefix('"').unwrap().chars().peekable();
    let mut value = String::new();
    while let Some(c) = rest.next() {
        match c {
            '\\' if rest.peek() == Some(&'"') => value.extend(rest.next()),
            '"' => return (value, rest.collect()),
            c => value.push(c),
        }
    }
    panic!("no closing quote: {text}");
}

#[test]
fn quotes_read_back_as_what_went_in() {
    for text in [
        "rrsync -wo /srv/staging",
        "echo \"a b\" 'c'",
        "a\\\"b",
        "\"",
        "\\n",
        "\"\\\"\"",
    ] {
        let options = Options {
            command: Some(Quoted::new(text).unwrap()),
            ..Options::default()
        };
        let line = options.to_string();
        let read = as_sshd_reads(line.strip_prefix(",command=").unwrap());
        assert_eq!(read, (text.to_owned(), String::new()), "{line}");
    }
}

#[test]
fn nothing_ends_its_quotes_or_its_line() {
    for text in ["", "a\n", "a\0b", "a\r", "a\\", "a\u{2028}b"] {
        assert!(Quoted::new(text).is_err(), "{text:?}");
    }
    assert_eq!(Quoted::new(&"x".repeat(2049)), Err(UnsafeOption::Length));
    for text in [
        "",
        "a\"b",
        "a,b",
        "a b",
        "a\nb",
        "!",
        "10.0.0.1/33",
        "10.0.0.0/",
        "ü",
    ] {
        assert!(Source::new(text).is_err(), "{text:?}");
    }
    for text in [
        "*.example.com",
        "!bad.example",
        "10.0.0.0/8",
        "fe80::1%eth0",
        "2001:db8::/32",
    ] {
        assert!(Source::new(text).is_ok(), "{text:?}");
    }
    for text in ["", "LD PRELOAD", "A=B", "1A", "Ä", "A\""] {
        assert!(VariableName::new(text).is_err(), "{text:?}");
    }
    for text in [
        "host",
        "host:0",
        "host:65536",
        "a b:1",
        "a\":1",
        ":1",
        "a:+1",
        "2001:db8::1:22",
    ] {
        assert!(Endpoint::open(text).is_err(), "{text:?}");
    }
    for text in ["host:22", "*:443", "[2001:db8::1]:22", "10.0.0.1:*"] {
        assert!(Endpoint::open(text).is_ok(), "{text:?}");
    }
    assert!(Endpoint::listen("8080").is_ok());
    for text in [
        "",
        "2026",
        "20261301",
        "202612312460",
        "20261231z",
        "2026-12-31",
        "never",
    ] {
        assert!(ExpiryTime::new(text).is_err(), "{text:?}");
    }
    for text in ["20261231", "20261231Z", "202612312359", "20261231235959Z"] {
        assert!(ExpiryTime::new(text).is_ok(), "{text:?}");
    }
}

#[test]
fn a_block_is_an_address_and_a_prefix_that_fits_it() {
    for (text, expected) in [
        ("10.1.2.3", "10.1.2.3"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/32", "10.1.2.3/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("::1/128", "::1/128"),
    ] {
        assert_eq!(Source::block(text).unwrap().0, expected);
    }
    for text in [
        "",
        "*",
        "10.0.0.*",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/8/8",
        "::1/64",
        "host.example",
        "!10.0.0.1",
        "10.0.0.1,0.0.0.0/0",
        "10.0.0.1\"",
        "010.0.0.1",
        " 10.0.0.1",
    ] {
        assert!(Source::block(text).is_err(), "{text:?}");
    }
}

#[test]
fn all_of_them_in_a_line() {
    let options = Options {
        flags: vec![Flag::RESTRICT, Flag::PAIRS[2].0],
        command: Some(Quoted::new("id").unwrap()),
        from: vec![
            Source::new("10.0.0.0/8").unwrap(),
            Source::new("*.x").unwrap(),
        ],
        permitopen: vec![Endpoint::open("db:5432").unwrap()],
        permitlisten: vec![Endpoint::listen("8080").unwrap()],
        environment: vec![(VariableName::new("WHO").unwrap(), Quoted::new("a").unwrap())],
        expiry_time: Some(ExpiryTime::new("20300101Z").unwrap()),
    };
    assert_eq!(
        options.to_string(),
        ",restrict,pty,command=\"id\",from=\"10.0.0.0/8,*.x\",permitopen=\"db:5432\",\
         permitlisten=\"8080\",environment=\"WHO=a\",expiry-time=\"20300101Z\""
    );
}
