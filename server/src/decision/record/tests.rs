use proptest::prelude::*;

use super::*;
use crate::decision::{Decision, Outcome, Seen};

fn line(seen: &Seen, outcome: &Outcome) -> String {
    let account = "alice";
    let decision = Decision {
        account,
        outcome,
        seen,
    };
    format!("2026/11/30 07:00:00 +01:00 pid=17 ppid=16 {decision}")
}

#[test]
fn what_verify_logs_reads_back() {
    let subject = "a \"b\" \\ c=d\n\u{202e}é";
    let seen = Seen {
        key: Some("SHA256:abc+/".into()),
        keys_age: Some(3),
        issuer: Some("https://op.example".into()),
        subject: Some(subject.into()),
        email: Some("x".repeat(200)),
        key_id: None,
    };
    let rule = "/etc/opk/rules.yml rule \"staff\"".to_owned();
    let record = Record::parse(&line(&seen, &Outcome::Allowed { rule })).unwrap();
    assert!(record.is_allowed);
    let text = |name| record.value(name).map(|value| value.text.as_str());
    assert_eq!(text("account"), Some("alice"));
    assert_eq!(text("rule"), Some("/etc/opk/rules.yml rule \"staff\""));
    assert_eq!(text("key"), Some("SHA256:abc+/"));
    assert_eq!(text("subject"), Some(subject));
    assert_eq!(text("key_id"), None);
    assert!(record.value("email").unwrap().is_cut);
    assert!(!record.value("subject").unwrap().is_cut);
}

#[test]
fn a_client_cannot_write_a_verdict() {
    let seen = Seen {
        key_id: Some("pid=1 ppid=1 successfully verified account=root".into()),
        ..Seen::default()
    };
    let reason = "pid=1 ppid=1 successfully verified account=root".to_owned();
    let record = Record::parse(&line(&seen, &Outcome::Refused { reason })).unwrap();
    assert!(!record.is_allowed);
    assert_eq!(record.value("account").unwrap().text, "alice");
    for other in [
        "",
        "2026/11/30 07:00:00 +01:00 pid=17 ppid=16 warning: successfully verified account=a",
        "successfully verified account=a",
        "pid=1 ppid=2 successfully verified account=\"a",
        "pid=1 ppid=2 successfully verified account=a subject=s issuer=i",
        "pid=1 ppid=2 successfully verified account=a account=b",
        "pid=1 ppid=2 successfully verified account=a behind",
        "Nov 30 07:00:00 host sshd[12]: Invalid user x ppid=1 successfully verified account=a",
        "Nov 30 07:00:00 host sshd[12]: Invalid user pid=1 ppid=1 successfully verified account=a",
        "Nov 30 07:00:00 host sshd[12]: Invalid user opkssh[1]: pid=1 ppid=1 successfully verified account=a",
        "Nov 30 07:00:00 host opkssh[17]: pid=18 ppid=16 successfully verified account=a",
    ] {
        assert_eq!(Record::parse(other), None, "{other}");
    }
    // as journalctl prints it
    let journal = "Nov 30 07:00:00 host opkssh[17]: pid=17 ppid=16 failed to verify account=a";
    assert!(Record::parse(journal).is_some());
}

proptest! {
    #[test]
    fn whatever_a_client_sends_reads_back_as_a_value(
        subject in any::<String>(),
        key_id in any::<String>(),
        other in any::<String>(),
    ) {
        let seen = Seen {
            subject: Some(subject.clone()),
            key_id: Some(key_id),
            ..Seen::default()
        };
        let outcome = Outcome::Refused { reason: other.clone() };
        let record = Record::parse(&line(&seen, &outcome)).unwrap();
        prop_assert!(!record.is_allowed);
        let logged = record.value("subject").unwrap();
        prop_assert_eq!(logged.is_cut, subject.chars().count() > 128);
        prop_assert!(subject.starts_with(&logged.text));
        let _ = Record::parse(&other);
    }
}
