use super::*;

const HASH: &str = "SHA256:0123456789012345678901234567890123456789012";

#[test]
fn entries_that_could_not_be_found_are_errors() {
    assert_eq!(Revoked::parse(b"").unwrap(), Revoked::default());
    assert_eq!(Revoked::parse(b"# none yet\n").unwrap(), Revoked::default());
    for text in [
        "- {}",
        "- {subject: a}",
        "- {issuer: i}",
        "- {subject: '', issuer: i}",
        "- {key: abc}",
        "- {key: 'MD5:00'}",
        "- {key: 'SHA256:short'}",
        "- {sub: a, issuer: i}",
        "- {subject: a, issuer: i, certificate: x}",
        "- {subject: a, issuer: i, reason: }",
        "- {subject: no, issuer: i}",
        "- ",
        "subject: a",
        "subject",
        "- [a]",
    ] {
        assert!(Revoked::parse(text.as_bytes()).is_err(), "{text}");
    }
    let two = format!("- {{subject: a, issuer: i, reason: left}}\n- {{\"key\": \"{HASH}\"}}\n");
    assert_eq!(Revoked::parse(two.as_bytes()).unwrap().0.len(), 2);
    assert!(Revoked::parse(b"- {subject: \xff, issuer: i}").is_err());
}

#[test]
fn what_is_written_reads_back() {
    let entry = Revocation {
        subject: Some("a'\"#: {}\n- x\u{2028}".into()),
        issuer: Some("https://i".into()),
        key: None,
        certificate: None,
        since: None,
        reason: Some("gone".into()),
    };
    let line = format!("- {}\n", serde_json::to_string(&entry).unwrap());
    assert_eq!(Revoked::parse(line.as_bytes()).unwrap().0, [entry]);
}
