use super::*;

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}"#;

fn entry(document: &str) -> Entry {
    Entry {
        issuer: "https://a".into(),
        fetched: UnixTime(5),
        max_age: Some(60),
        document: document.into(),
    }
}

#[test]
fn what_was_written_is_read() {
    let (read, keys) = Entry::read(&entry(KEYS).write(), "https://a").unwrap();
    assert_eq!(read, entry(KEYS));
    assert!(keys.knows(Some("a")));
    let attempt = Attempt {
        issuer: "https://a".into(),
        asked: UnixTime(7),
        failure: Some("why".into()),
    };
    assert_eq!(
        Attempt::read(&attempt.write(), "https://a").unwrap(),
        attempt
    );
}

#[test]
fn another_issuers_entry_is_refused() {
    for other in ["https://a/", "https://A", "https://b", ""] {
        let error = Entry::read(&entry(KEYS).write(), other).unwrap_err();
        assert!(error.starts_with("the entry is for "), "{other}: {error}");
    }
}

#[test]
fn nothing_but_a_whole_entry_is_read() {
    let good = entry(KEYS).write();
    assert_eq!(
        Entry::read(&good[..good.len() - 1], "https://a").unwrap_err(),
        "not an entry of this version"
    );
    let later = String::from_utf8(good)
        .unwrap()
        .replace("\"version\":1", "\"version\":2");
    for bad in [later.as_str(), "", "null", "[]", "{}"] {
        assert_eq!(
            Entry::read(bad.as_bytes(), "https://a").unwrap_err(),
            "not an entry of this version",
            "{bad}"
        );
    }
    for document in ["", "{}", r#"{"keys":[]}"#] {
        assert_eq!(
            Entry::read(&entry(document).write(), "https://a").unwrap_err(),
            "no usable key in the entry",
            "{document}"
        );
    }
}
