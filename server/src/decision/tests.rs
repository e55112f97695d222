use super::*;

fn seen() -> Seen {
    Seen {
        key: Some("SHA256:abc+/".into()),
        keys_age: Some(312),
        issuer: Some("https://op.example".into()),
        subject: Some("248289".into()),
        email: Some("alice@x.example".into()),
        key_id: Some("alice@x.example".into()),
    }
}

fn line(account: &str, outcome: &Outcome, seen: &Seen) -> String {
    let decision = Decision {
        account,
        outcome,
        seen,
    };
    decision.to_string()
}

#[test]
fn what_the_server_knows_comes_first() {
    let rule = "/etc/opk/rules.yml rule \"staff\"".to_owned();
    assert_eq!(
        line("alice", &Outcome::Allowed { rule }, &seen()),
        "successfully verified account=alice rule=\"/etc/opk/rules.yml rule \\\"staff\\\"\" \
         key=SHA256:abc+/ keys=\"from the cache, 312 s old\" issuer=\"https://op.example\" \
         subject=\"248289\" email=\"alice@x.example\" key_id=\"alice@x.example\""
    );
    let refused = Outcome::Refused {
        reason: "denied user alice".into(),
    };
    assert_eq!(
        line("alice", &refused, &Seen::default()),
        "failed to verify account=alice reason=\"denied user alice\""
    );
    let fallback = Outcome::ByFallback {
        program: "/usr/bin/sss_ssh_authorizedkeys".into(),
        bytes: 80,
        reason: "no".into(),
    };
    assert_eq!(
        line("alice", &fallback, &Seen::default()),
        "left to fallback account=alice fallback=/usr/bin/sss_ssh_authorizedkeys bytes=80 \
         reason=\"no\""
    );
}

#[test]
fn a_client_forges_neither_fields_nor_lines() {
    let hostile = "x\" account=root\n\u{202e}\u{1b}[2J\\";
    let seen = Seen {
        key: None,
        keys_age: None,
        issuer: Some(hostile.into()),
        subject: Some("s".repeat(5000)),
        email: None,
        key_id: Some(hostile.into()),
    };
    let refused = Outcome::Refused {
        reason: hostile.into(),
    };
    let escaped = "\"x\\\" account=root\\n\\u{202e}\\u{1b}[2J\\\\\"";
    assert_eq!(
        line("a b", &refused, &seen),
        format!(
            "failed to verify account=\"a b\" reason={escaped} issuer={escaped} \
             subject=\"{}\"… key_id={escaped}",
            "s".repeat(128)
        )
    );
}

#[test]
fn a_reason_is_bounded() {
    let refused = Outcome::Refused {
        reason: "r".repeat(100_000),
    };
    assert!(line("a", &refused, &Seen::default()).len() < MAX_REASON + 100);
}
