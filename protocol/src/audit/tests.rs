use super::*;

#[test]
fn a_line_is_read_back_and_says_its_time_in_rfc_3339() {
    let entry = AuditEntry {
        time: UnixTime(1_700_000_000),
        account: Some("work".to_owned()),
        source: Some(KeySource::Account),
        destination: Some(AuditHost {
            host_key: "SHA256:x".to_owned(),
            names: vec!["web1".to_owned()],
            unproved: false,
        }),
        ..AuditEntry::new(AuditEvent::SignatureRefused)
    };
    let line = entry.clone().line();
    assert_eq!(
        line,
        "{\"time\":\"2023-11-14T22:13:20Z\",\"event\":\"signature-refused\",\"account\":\"work\",\
         \"source\":\"account\",\"destination\":{\"host_key\":\"SHA256:x\",\"names\":[\"web1\"]}}\n"
    );
    assert_eq!(AuditEntry::read(line.trim_end()), Some(entry));
}

#[test]
fn a_text_from_elsewhere_stays_one_short_line() {
    let long = format!("a\u{1b}[31m\n\u{202e}{}", "x".repeat(10_000));
    let host = AuditHost {
        host_key: "SHA256:x".to_owned(),
        names: vec![long.clone(); 100],
        unproved: true,
    };
    let line = AuditEntry {
        user: Some(long.clone()),
        reason: Some(long.clone()),
        comment: Some(long.clone()),
        namespace: Some(long.clone()),
        destination: Some(host.clone()),
        via: vec![host; 2],
        process: Some(AuditProcess {
            pid: 1,
            program: Some(long),
        }),
        ..AuditEntry::new(AuditEvent::Signed)
    }
    .line();
    assert!(line.len() < 20_000, "{}", line.len());
    let (line, rest) = line.split_once('\n').unwrap();
    assert_eq!(rest, "");
    assert!(!line.contains(['\u{1b}', '\u{202e}']), "{line}");
    let user = AuditEntry::read(line).unwrap().user.unwrap();
    assert!(user.starts_with("a\\u{1b}[31m\\n\\u{202e}xxx") && user.ends_with('…'));
}

#[test]
fn a_line_of_a_newer_version_can_be_read() {
    let line = "{\"time\":\"2023-11-14T22:13:20.5Z\",\"event\":\"danced\",\"with\":\"wolves\"}";
    let entry = AuditEntry::read(line).unwrap();
    assert_eq!(entry.event, AuditEvent::Unknown);
    assert_eq!(entry.time, UnixTime(1_700_000_000));
    for line in ["", "{}", "{\"time\":1,\"event\":\"signed\"}", "[]"] {
        assert_eq!(AuditEntry::read(line), None, "{line}");
    }
}
