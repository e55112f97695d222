use super::*;

fn no_rule(who: &str) -> VerifyError {
    DenyReason::Policy(PolicyDenial::NoRule {
        who: who.into(),
        issuer: "https://i".into(),
        principal: "dev".into(),
        sources: vec![],
        advice: Box::new(Advice::Row),
    })
    .into()
}

#[test]
fn what_a_token_says_is_escaped_in_messages() {
    let text = no_rule("a\n\u{1b}[2J").to_string();
    assert!(!text.contains(char::is_control), "{text:?}");
}

#[test]
fn a_hint_cannot_run_anything_else() {
    let hint = |who| no_rule(who).hint_in(Path::new(etc::DIRECTORY));
    assert_eq!(
        hint("a@x").unwrap(),
        "to allow it, run: sudo opkssh add dev a@x https://i"
    );
    assert_eq!(
        hint("a;reboot $(x)").unwrap(),
        "to allow it, run: sudo opkssh add dev 'a;reboot $(x)' https://i"
    );
    assert_eq!(
        hint("a;b").unwrap(),
        r"to allow it, run: sudo opkssh add dev a\;b https://i"
    );
    assert_eq!(hint("a\nb"), None);
}
