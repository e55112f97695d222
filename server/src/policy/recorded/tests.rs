use opkssh_protocol::json::parse_object;

use super::*;
use crate::policy::RowFile;
use crate::policy::rules::Rules;

const ISSUER: &str = "https://op.example";

/// Decides about subject `s` as `dev`, by these rules and rows.
fn decide(rules: &str, rows: &str, claims: &str) -> Recorded {
    let mut policy = Policy {
        rules: Rules::parse("rules", rules.as_bytes()).unwrap(),
        ..Policy::default()
    };
    policy.add(RowFile::parse("rows", None, rows.as_bytes()));
    let claims = parse_object(claims.as_bytes()).unwrap();
    let who = Applicant::recorded("dev", ISSUER, &claims, UnixTime(2));
    policy.recorded(&who, &DenyLists::default())
}

fn rule(more: &str) -> String {
    format!("rules: [{{name: r, issuer: '{ISSUER}', {more}}}]")
}

#[test]
fn what_is_not_recorded_is_not_guessed() {
    let all = r#"{"iss": "https://op.example", "sub": "s", "email": "a@x"}"#;
    let allowed = |place: &str| Recorded::Allowed(place.to_owned());
    let unknown = |place: &str| Recorded::Unknown(place.to_owned());
    let by_rule = |more: &str| decide(&rule(more), "", all);
    let place = "rules rule \"r\"";
    assert_eq!(
        by_rule("accounts: [dev], when: [{claim: sub, is: s}]"),
        allowed(place)
    );
    for more in [
        "accounts: [dev], when: [{claim: sub, is: s}, {claim: groups, has: g}]",
        "accounts: [dev], when: [{claim: sub, is: s}], max_age: 1h",
        "accounts: [dev], when: [{claim: sub, is: s}], email_verified: true",
        "account_from: {claim: user}",
        "effect: deny, when: [{claim: groups, has: g}]",
    ] {
        assert_eq!(by_rule(more), unknown(place), "{more}");
    }
    for more in [
        "accounts: [dev], when: [{claim: sub, is: t}, {claim: groups, has: g}]",
        "accounts: [other], when: [{claim: sub, is: s}]",
        "effect: deny, when: [{claim: sub, is: t}, {claim: groups, has: g}]",
    ] {
        assert_eq!(by_rule(more), Recorded::NothingAllows, "{more}");
    }
    let denied = by_rule("effect: deny, when: [{claim: email, is: A@x}]");
    assert_eq!(denied, Recorded::Denied(format!("denied by {place}")));

    let by_row = |identity: &str, claims| decide("", &format!("dev {identity} {ISSUER}\n"), claims);
    assert_eq!(by_row("a@x", all), allowed("rows line 1"));
    assert_eq!(by_row("oidc:groups:g", all), unknown("rows line 1"));
    assert_eq!(by_row("b@x", all), Recorded::NothingAllows);
    // the address may have been userinfo's
    assert_eq!(by_row("b@x", r#"{"sub": "s"}"#), unknown("rows line 1"));
    assert_eq!(by_row("s", r#"{"sub": "s"}"#), allowed("rows line 1"));
}
