use super::*;
use crate::account::{AccountKind, LocalAccount};

const ISSUER: &str = "https://op.example";
const NOW: i64 = 1_800_000_000; // 2027-01-15T08:00:00Z, a Friday

fn parse(text: &str) -> Result<Rules, RulesError> {
    Rules::parse("rules.yml", text.as_bytes())
}

struct Who {
    principal: &'static str,
    claims: serde_json::Value,
    refreshed: Option<opkssh_protocol::json::Object>,
    account: Option<LocalAccount>,
    userinfo: Option<opkssh_protocol::json::Object>,
    change: fn(&mut Applicant<'_>),
}

fn who(claims: serde_json::Value) -> Who {
    Who {
        principal: "dev",
        claims,
        refreshed: None,
        account: None,
        userinfo: None,
        change: |_| (),
    }
}

/// Returns the options as text, or the reason for a refusal.
fn decide(rules: &str, who: &Who) -> Result<String, String> {
    let rules = parse(rules).unwrap();
    let claims = opkssh_protocol::json::parse_object(who.claims.to_string().as_bytes()).unwrap();
    let person = LocalAccount {
        name: who.principal.to_owned(),
        aliases: vec![],
        kind: AccountKind::Person,
    };
    let mut applicant = Applicant {
        refreshed: who.refreshed.as_ref(),
        account: Some(who.account.as_ref().unwrap_or(&person)),
        userinfo: who.userinfo.as_ref(),
        email_verified: claims.get("email_verified") == Some(&true.into()),
        issued_at: Some(UnixTime(NOW - 3600)),
        ..Applicant::recorded(who.principal, ISSUER, &claims, UnixTime(NOW))
    };
    (who.change)(&mut applicant);
    let mut steps = Vec::new();
    let mut tell = |step: String| steps.push(step);
    let verdict = rules
        .denies(&applicant, &mut tell)
        .and_then(|()| rules.allows(&applicant, &mut tell));
    match verdict {
        Ok(Some(granted)) => Ok(granted.options.to_string()),
        Ok(None) => Err(steps.join("; ")),
        Err(denial) => Err(denial.to_string()),
    }
}

fn one(rest: &str) -> String {
    format!("rules:\n- name: one\n  issuer: {ISSUER}\n  accounts: [dev]\n{rest}")
}

#[track_caller]
fn refused(rules: &str, who: &Who, why: &str) {
    match decide(rules, who) {
        Ok(options) => panic!("allowed: {options}"),
        Err(text) => assert!(text.contains(why), "{text}"),
    }
}

#[test]
fn userinfo_says_what_the_id_token_does_not() {
    let told = |claims: serde_json::Value, told: serde_json::Value| Who {
        userinfo: told.as_object().cloned(),
        ..who(claims)
    };
    let allow = one("  when:\n  - {claim: groups, has: dev}\n");
    let dev = serde_json::json!({"groups": ["dev"]});
    let ops = serde_json::json!({"groups": ["ops"]});
    let none = serde_json::json!({"sub": "1"});
    decide(&allow, &told(none.clone(), dev.clone())).unwrap();
    decide(&allow, &told(dev.clone(), none.clone())).unwrap();
    refused(
        &allow,
        &told(ops.clone(), dev.clone()),
        "the ID token has [\"ops\"]",
    );
    refused(
        &allow,
        &told(none.clone(), none.clone()),
        "the ID token does not have the claim",
    );
    // either source can deny
    let deny = format!(
        "{}- name: two\n  effect: deny\n  when:\n  - {{claim: groups, has: ops}}\n",
        one("  when:\n  - {claim: sub, is_not: x}\n")
    );
    let with = |groups: &serde_json::Value| {
        let mut claims = groups.clone();
        claims["sub"] = "1".into();
        claims
    };
    decide(&deny, &told(with(&dev), with(&none))).unwrap();
    refused(&deny, &told(with(&dev), with(&ops)), "denied by");
    refused(&deny, &told(with(&none), with(&ops)), "denied by");
    refused(&deny, &told(with(&ops), with(&dev)), "denied by");
    let unless = deny.replace("has: ops", "has_not: dev");
    decide(&unless, &told(with(&none), with(&dev))).unwrap();
    refused(&unless, &told(with(&none), with(&none)), "denied by");
}

#[test]
fn every_condition_has_to_hold() {
    let rules = one(
        "  when:\n  - {claim: environment, is: staging}\n  - {claim: ref, is: refs/heads/main}\n",
    );
    let token = |environment: &str, branch: &str| {
        who(serde_json::json!({"environment": environment, "ref": branch}))
    };
    assert_eq!(
        decide(&rules, &token("staging", "refs/heads/main")),
        Ok(String::new())
    );
    refused(
        &rules,
        &token("staging", "refs/heads/other"),
        "claim \"ref\" is",
    );
    refused(
        &rules,
        &token("production", "refs/heads/main"),
        "claim \"environment\" is",
    );
    refused(
        &rules,
        &who(serde_json::json!({"environment": "staging"})),
        "the ID token does not have the claim",
    );
}

#[test]
fn issuer_and_account_are_exact() {
    let rules = one("  when:\n  - {claim: sub, is: s}\n");
    let sub = serde_json::json!({"sub": "s"});
    assert!(decide(&rules, &who(sub.clone())).is_ok());
    let root = Who {
        principal: "root",
        ..who(sub.clone())
    };
    refused(&rules, &root, "account \"root\" is not in its accounts");
    let slash = Who {
        change: |who| who.issuer = "https://op.example/",
        ..who(sub.clone())
    };
    refused(&rules, &slash, "only the trailing slash differs");
    let other = Who {
        change: |who| who.issuer = "https://evil.example",
        ..who(sub)
    };
    refused(&rules, &other, "the issuer is");
}

#[test]
fn denying_comes_first_wherever_it_stands() {
    let rules = one("  when:\n  - {claim: groups, has: dev}\n")
        + "- name: contractors\n  effect: deny\n  when:\n  - {claim: groups, has: contractors}\n\
           - name: office\n  effect: deny\n  accounts: dev\n  when:\n  - {claim: site, is_not: berlin}\n";
    let groups = |groups: &[&str], site: serde_json::Value| {
        who(serde_json::json!({"groups": groups, "site": site}))
    };
    assert!(decide(&rules, &groups(&["dev"], "berlin".into())).is_ok());
    refused(
        &rules,
        &groups(&["dev", "contractors"], "berlin".into()),
        "denied by rules.yml rule \"contractors\"",
    );
    refused(&rules, &groups(&["dev"], "paris".into()), "rule \"office\"");
    // uncertain, so no
    refused(
        &rules,
        &groups(&["dev"], serde_json::Value::Null),
        "rule \"office\"",
    );
    refused(
        &rules,
        &who(serde_json::json!({"groups": {"dev": 1}, "site": "berlin"})),
        "rule \"contractors\"",
    );
}

#[test]
fn an_account_from_a_claim() {
    let rules = format!(
        "never_accounts: [root, postgres]\nrules:\n- name: own\n  issuer: {ISSUER}\n  \
         account_from: {{claim: preferred_username}}\n- name: mail\n  issuer: {ISSUER}\n  \
         account_from: {{claim: email, part: local, domain: x.example}}\n"
    );
    let named = |principal, name: &str| Who {
        principal,
        ..who(serde_json::json!({"preferred_username": name}))
    };
    assert!(decide(&rules, &named("alice", "alice")).is_ok());
    refused(&rules, &named("alice", "bob"), "it gives account \"bob\"");
    refused(&rules, &named("root", "root"), "never_accounts");
    refused(&rules, &named("postgres", "postgres"), "never_accounts");
    refused(
        &rules,
        &named("alice", "Alice"),
        "does not give the name of an account",
    );
    refused(&rules, &named("alice", "alice\nroot"), "User slot");
    let mail = |email: &str, verified: bool| Who {
        principal: "alice",
        ..who(serde_json::json!({"email": email, "email_verified": verified}))
    };
    assert!(decide(&rules, &mail("alice@x.example", true)).is_ok());
    refused(
        &rules,
        &mail("alice@x.example", false),
        "email_verified is not true",
    );
    refused(
        &rules,
        &mail("alice@evil.example", true),
        "not a mail address of the given domains",
    );
    // root is refused, whatever is said about other accounts
    for never in ["", "never_accounts: []\n", "never_accounts: [backup]\n"] {
        let rules = format!(
            "{never}rules:\n- name: own\n  issuer: {ISSUER}\n  account_from: {{claim: \
             preferred_username}}\n"
        );
        refused(&rules, &named("root", "root"), "never_accounts");
    }
}

#[test]
fn verified_mail_and_authentication_context() {
    let rules = one(
        "  when:\n  - {claim: sub, is: s}\n  email_verified: true\n  acr: [gold, silver]\n  amr: [mfa, hwk]\n",
    );
    let token = |verified: serde_json::Value, acr: &str, amr: &[&str]| {
        who(serde_json::json!({"sub": "s", "email_verified": verified, "acr": acr, "amr": amr}))
    };
    assert!(
        decide(
            &rules,
            &token(true.into(), "silver", &["pwd", "hwk", "mfa"])
        )
        .is_ok()
    );
    refused(
        &rules,
        &token(false.into(), "gold", &["mfa", "hwk"]),
        "email_verified",
    );
    refused(
        &rules,
        &token(serde_json::Value::Null, "gold", &["mfa", "hwk"]),
        "email_verified",
    );
    refused(
        &rules,
        &token(true.into(), "bronze", &["mfa", "hwk"]),
        "acr is",
    );
    refused(
        &rules,
        &token(true.into(), "gold", &["mfa"]),
        "amr does not have \"hwk\"",
    );
    refused(
        &rules,
        &who(serde_json::json!({"sub": "s", "email_verified": true})),
        "acr is missing",
    );
}

#[test]
fn ages_in_any_duration() {
    let rules = one("  when:\n  - {claim: sub, is: s}\n  max_age: 90m\n");
    let at = |change| Who {
        change,
        ..who(serde_json::json!({"sub": "s"}))
    };
    assert!(decide(&rules, &at(|_| ())).is_ok());
    refused(
        &rules,
        &at(|who| who.issued_at = Some(UnixTime(NOW - 5401))),
        "older than max_age",
    );
    refused(
        &rules,
        &at(|who| who.issued_at = None),
        "older than max_age",
    );
    // the provider's policy still applies
    refused(
        &rules,
        &at(|who| who.is_unexpired = false),
        "expired under the provider's",
    );

    let rules = one("  when:\n  - {claim: sub, is: s}\n  max_age_since_refresh: 24h\n");
    let old = |who: &mut Applicant<'_>| {
        who.is_unexpired = false;
        who.issued_at = Some(UnixTime(NOW - 9 * 86_400));
    };
    assert!(decide(&rules, &at(|_| ())).is_ok());
    let _ = old;
    refused(
        &rules,
        &at(|who| {
            who.is_unexpired = false;
            who.issued_at = Some(UnixTime(NOW - 9 * 86_400));
        }),
        "longer ago than max_age_since_refresh",
    );
    let refreshed = at(|who| {
        who.is_unexpired = false;
        who.issued_at = Some(UnixTime(NOW - 9 * 86_400));
        who.refreshed_at = Some(UnixTime(NOW - 86_400));
    });
    assert!(decide(&rules, &refreshed).is_ok());
    let stale = at(|who| who.refreshed_at = Some(UnixTime(NOW - 86_401)));
    refused(&rules, &stale, "longer ago");
}

#[test]
fn hours_and_dates() {
    let holds = |rest: &str| {
        decide(
            &one(&format!("  when: [{{claim: sub, is: s}}]\n{rest}")),
            &who(serde_json::json!({"sub": "s"})),
        )
    };
    for rest in [
        "  hours: [{days: [fri], from: '08:00', to: '09:00'}]\n",
        "  hours: [{from: '00:00', to: '24:00'}]\n",
        "  not_before: 2027-01-15T08:00:00Z\n  not_after: 2027-01-15T08:00:00Z\n",
    ] {
        assert!(holds(rest).is_ok(), "{rest}");
    }
    for rest in [
        "  hours: [{days: [sat, sun], from: '00:00', to: '24:00'}]\n",
        "  hours: [{from: '09:00', to: '17:00'}]\n",
        "  not_before: 2027-01-15T08:00:01Z\n",
        "  not_after: 2027-01-15T07:59:59Z\n",
    ] {
        assert!(
            holds(rest)
                .unwrap_err()
                .contains("does not hold at this time"),
            "{rest}"
        );
    }
}

#[test]
fn options_with_slots() {
    let rules = one(
        "  when: [{claim: sub, is: s}]\n  slots:\n    who: {claim: name, type: user}\n    \
         nets: {claim: [vpn, nets], type: cidrs}\n  options:\n    restrict: true\n    pty: true\n    \
         command: 'exec \"serve\" {who} {{}}'\n    from: ['192.0.2.0/24', '{nets}']\n    \
         environment: {WHO: 'u-{who}'}\n",
    );
    let token = |name: &str, nets: serde_json::Value| {
        who(serde_json::json!({"sub": "s", "name": name, "vpn": {"nets": nets}}))
    };
    assert_eq!(
        decide(&rules, &token("alice", serde_json::json!(["10.0.0.0/8"]))).unwrap(),
        ",restrict,pty,command=\"exec \\\"serve\\\" alice {}\",from=\"192.0.2.0/24,10.0.0.0/8\",\
         environment=\"WHO=u-alice\""
    );
    for name in [
        "a\"",
        "a\",command=\"sh",
        "a\nssh-ed25519 AAAA",
        "a b",
        "$(reboot)",
        "`id`",
        "a;id",
        "*",
        "",
        "-x",
        "../x",
        "a'b",
        "a\\",
    ] {
        refused(
            &rules,
            &token(name, serde_json::json!(["10.0.0.1"])),
            "cannot be filled in",
        );
    }
    for nets in [
        serde_json::json!("*"),
        serde_json::json!(["10.0.0.0/8", "*"]),
        serde_json::json!([]),
        serde_json::json!("10.0.0.1\",no-from"),
        serde_json::Value::Null,
    ] {
        refused(&rules, &token("alice", nets), "cannot be filled in");
    }
}

/// A claim that does not fit must not lead to a rule with fewer restrictions.
#[test]
fn a_slot_that_cannot_be_filled_ends_it() {
    let rules = one(
        "  when: [{claim: sub, is: s}]\n  slots: {who: {claim: name, type: user}}\n  \
         options: {command: 'serve {who}'}\n",
    ) + &format!(
        "- name: two\n  issuer: {ISSUER}\n  accounts: dev\n  when: [{{claim: sub, is: s}}]\n"
    );
    refused(
        &rules,
        &who(serde_json::json!({"sub": "s", "name": "a b"})),
        "rule \"one\" would allow it",
    );
}

/// Uses documentation addresses (RFC 5737, RFC 3849).
#[test]
fn rules_for_where_the_client_connects_from() {
    let blocks = "  client_address: [192.0.2.0/24, 2001:db8::/32]\n";
    let allow = one(&format!("  when: [{{claim: sub, is: s}}]\n{blocks}"));
    let deny = format!(
        "{}- name: closed\n  effect: deny\n{blocks}",
        one("  when: [{claim: sub, is: s}]\n")
    );
    let at = |change| Who {
        change,
        ..who(serde_json::json!({"sub": "s"}))
    };
    let inside = at(|who| who.client_address = Some([192, 0, 2, 7].into()));
    let inside_ipv6 = at(|who| who.client_address = "2001:db8::9".parse().ok());
    let outside = at(|who| who.client_address = Some([198, 51, 100, 7].into()));
    let unknown = at(|_| ());
    for inside in [&inside, &inside_ipv6] {
        assert_eq!(
            decide(&allow, inside).unwrap(),
            ",from=\"192.0.2.0/24,2001:db8::/32\"",
            "sshd is told, too"
        );
        refused(&deny, inside, "denied by");
    }
    refused(
        &allow,
        &outside,
        "198.51.100.7 is not in its client_address",
    );
    assert!(decide(&deny, &outside).is_ok());
    refused(&allow, &unknown, "the client's address is not known");
    refused(&deny, &unknown, "denied by");
    // the rule's own `from` stays
    let own = format!("{allow}  options: {{from: 192.0.2.0/28}}\n");
    assert_eq!(decide(&own, &inside).unwrap(), ",from=\"192.0.2.0/28\"");
    // a later rule without it can still allow
    let both = format!(
        "{allow}- name: two\n  issuer: {ISSUER}\n  accounts: [dev]\n  when: [{{claim: sub, is: s}}]\n"
    );
    assert_eq!(decide(&both, &outside).unwrap(), "");
    let rules = parse(&both).unwrap();
    let all: Vec<&Rule> = rules.iter().collect();
    assert!(!all[1].is_hidden_by(all[0]));
    assert!(all[0].is_hidden_by(all[1]));
    for blocks in [
        "[]",
        "''",
        "192.0.2.1/24",
        "'*'",
        "host.example",
        "['!192.0.2.0/24']",
        "[192.0.2.0/24, x]",
        "'192.0.2.0/24,198.51.100.0/24'",
        "{a: b}",
    ] {
        let text = format!("rules: [{{name: a, effect: deny, client_address: {blocks}}}]");
        assert!(parse(&text).is_err(), "{blocks}");
    }
    // an address alone does not identify a person
    assert!(parse(&one(blocks)).is_err());
}

#[test]
fn one_slip_and_nothing_is_used() {
    assert!(parse("").is_ok());
    assert!(parse("# nothing yet\n").is_ok());
    assert!(Rules::parse("r", b"rules: [\xff]").is_err());
    for text in [
        "rule: []",
        "rules: {}",
        "- name: x",
        "time_zone: Nowhere/At-All\nrules: []",
        "rules: [{issuer: i}]",
        "rules: [{name: ''}]",
        "rules: [{name: a, effect: permit}]",
        "rules: [{name: a, effect: deny}]",
        "rules: [{name: a, effect: deny, issuer: i, max_age: 1h}]",
        "rules: [{name: a, effect: deny, issuer: i, options: {}}]",
        "rules: [{name: a, effect: deny, issuer: i}, {name: a, effect: deny, issuer: i}]",
        "rules: [{name: a, name: b, effect: deny, issuer: i}]",
    ] {
        assert!(parse(text).is_err(), "{text}");
    }
    let good = "  when: [{claim: sub, is: s}]\n";
    assert!(parse(&one(good)).is_ok());
    for rest in [
        "", // lets in everybody
        "  when: []\n",
        "  when: [{claim: sub}]\n",
        "  when: [{claim: sub, is: s, is_not: t}]\n",
        "  when: [{claim: sub, is: []}]\n",
        "  when: [{claim: sub, is: ''}]\n",
        "  when: [{claim: sub, is: 0.5}]\n",
        "  when: [{claim: [], is: s}]\n",
        "  when: [{claim: sub, equals: s}]\n",
        "  when: [{claim: sub, glob: 'a['}]\n",
    ] {
        assert!(parse(&one(rest)).is_err(), "{rest}");
    }
    for rest in [
        "max_age: 24",
        "max_age: 1y",
        "not_after: tomorrow",
        "hours: []",
        "hours: [{from: '18:00', to: '08:00'}]",
        "hours: [{days: [monday], from: '08:00', to: '09:00'}]",
        "slots: {who: {claim: name, type: user}}",
        "slots: {who: {claim: name, type: text}}",
        "account_from: {claim: email, part: local}",
        "account_from: {claim: email, domain: x.example}",
        "options: {retrict: true}",
        "options: {pty: true}",
        "options: {restrict: true, pty: true, no-pty: true}",
        "options: {command: ''}",
        "options: {command: 'serve {who}'}",
        "options: {command: 'serve {'}",
        "options: {command: 'serve }'}",
        "options: {command: \"a\\nb\"}",
        "options: {command: 'a\\'}",
        "options: {from: 'a b'}",
        "options: {from: 'a,b'}",
        "options: {from: []}",
        "options: {permitopen: host}",
        "options: {environment: {'A B': c}}",
        "options: {environment: {A: \"c\\nd\"}}",
        "options: {expiry-time: soon}",
        "optoins: {}",
    ] {
        assert!(parse(&one(&format!("{good}  {rest}\n"))).is_err(), "{rest}");
    }
    // blocks in a command, a name in `from`
    let slots = "  slots: {a: {claim: a, type: user}, n: {claim: nets, type: cidrs}}\n";
    assert!(
        parse(&one(&format!(
            "{good}{slots}  options: {{command: '{{a}}', from: '{{n}}'}}\n"
        )))
        .is_ok()
    );
    assert!(
        parse(&one(&format!(
            "{good}{slots}  options: {{command: '{{n}}', from: '{{a}}'}}\n"
        )))
        .is_err()
    );
}

/// Compares by uid, so every name of an account counts.
#[test]
fn accounts_that_no_claim_may_name() {
    let rules = |more: &str| {
        format!(
            "never_accounts: [backup]\nrules:\n- name: own\n  issuer: {ISSUER}\n  account_from: \
             {{claim: preferred_username}}\n{more}"
        )
    };
    let named = |kind, aliases: &[&str]| Who {
        principal: "alice",
        account: Some(LocalAccount {
            name: "alice".to_owned(),
            aliases: aliases.iter().map(|name| (*name).to_owned()).collect(),
            kind,
        }),
        ..who(serde_json::json!({"preferred_username": "alice", "groups": ["dba"]}))
    };
    let system = AccountKind::System {
        uid: 105,
        uid_min: 1000,
    };
    assert!(decide(&rules(""), &named(AccountKind::Person, &["alice"])).is_ok());
    for (kind, why) in [
        (AccountKind::Root, "it has uid 0"),
        (
            AccountKind::Verifier,
            "it is the account that verify runs as",
        ),
        (AccountKind::Nobody, "it is the account nobody"),
        (system, "its uid 105 is below UID_MIN (1000)"),
    ] {
        refused(&rules(""), &named(kind, &[]), why);
    }
    let backup = named(AccountKind::Person, &["alice", "backup"]);
    refused(&rules(""), &backup, "has the uid of \"backup\"");
    let mut other = named(AccountKind::Person, &[]);
    other.account.as_mut().unwrap().name = "bob".to_owned();
    refused(&rules(""), &other, "could not be looked up");
    let unknown = Who {
        change: |who| who.account = None,
        ..named(AccountKind::Person, &[])
    };
    refused(&rules(""), &unknown, "could not be looked up");
    // named by the rule, so no claim has to name it
    let listed = "  accounts: [alice]\n  when: [{claim: groups, has: dba}]\n";
    assert!(decide(&rules(listed), &named(system, &[])).is_ok());
}

#[test]
fn an_account_from_a_claim_that_the_refreshed_token_takes_back() {
    let rules = format!(
        "rules:\n- name: own\n  issuer: {ISSUER}\n  account_from: {{claim: preferred_username}}\n"
    );
    let refreshed = |claims: serde_json::Value| Who {
        principal: "alice",
        refreshed: claims.as_object().cloned(),
        ..who(serde_json::json!({"preferred_username": "alice"}))
    };
    for claims in [
        serde_json::json!({}),
        serde_json::json!({"preferred_username": "alice"}),
    ] {
        assert!(decide(&rules, &refreshed(claims)).is_ok());
    }
    for name in ["bob".into(), "".into(), serde_json::Value::Null] {
        let claims = serde_json::json!({ "preferred_username": name });
        assert!(decide(&rules, &refreshed(claims)).is_err());
    }
}

/// A slot contains what the provider said last.
#[test]
fn a_slot_is_filled_from_the_refreshed_token() {
    let rules = one(
        "  when: [{claim: sub, is: s}]\n  slots: {net: {claim: nets, type: cidrs}}\n  options: \
         {from: '{net}'}\n",
    );
    let refreshed = |claims: serde_json::Value| Who {
        refreshed: claims.as_object().cloned(),
        ..who(serde_json::json!({"sub": "s", "nets": "10.0.0.0/8"}))
    };
    let from = |claims| decide(&rules, &refreshed(claims));
    assert_eq!(
        from(serde_json::json!({"nets": "192.0.2.1"})).unwrap(),
        ",from=\"192.0.2.1\""
    );
    assert_eq!(from(serde_json::json!({})).unwrap(), ",from=\"10.0.0.0/8\"");
    assert!(from(serde_json::json!({"nets": null})).is_err());
}

#[test]
fn a_missing_claim_denies_unless_the_condition_says_otherwise() {
    let rules = |more: &str| {
        one("  when: [{claim: sub, is: s}]\n")
            + &format!(
                "- name: stop\n  effect: deny\n  when:\n  - {{claim: groups, has: out{more}}}\n  \
                 - {{claim: sub, is: s}}\n"
            )
    };
    let token = who(serde_json::json!({"sub": "s"}));
    refused(
        &rules(""),
        &token,
        "denied by rules.yml rule \"stop\": claim \"groups\" is missing (to let such tokens pass, add `missing: ignore`",
    );
    assert!(decide(&rules(", missing: ignore"), &token).is_ok());
    let out = who(serde_json::json!({"sub": "s", "groups": ["out"]}));
    refused(&rules(", missing: ignore"), &out, "denied by");
    // userinfo has it
    let told = Who {
        userinfo: serde_json::json!({"groups": ["in"]}).as_object().cloned(),
        ..who(serde_json::json!({"sub": "s"}))
    };
    assert!(decide(&rules(""), &told).is_ok());
    for text in [
        one("  when: [{claim: sub, is: s, missing: ignore}]\n"),
        rules(", missing: deny"),
        "rules: [{name: a, effect: deny, when: [{claim: a, present: true, missing: ignore}]}]"
            .to_owned(),
    ] {
        assert!(parse(&text).is_err(), "{text}");
    }
}

#[test]
fn a_rule_that_every_token_has_to_have_a_claim_for() {
    let is_required = |rest: &str| {
        let text = format!("rules: [{{name: a, effect: deny, when: [{rest}]}}]");
        parse(&text).unwrap().is_required("email")
    };
    assert!(is_required("{claim: email, present: false}"));
    for rest in [
        "{claim: email, present: true}",
        "{claim: mail, present: false}",
        "{claim: email, present: false}, {claim: sub, is: a}",
        "{claim: email, is: a}",
        "{claim: email, present: false}], accounts: [a",
        "{claim: email, present: false}], client_address: ['192.0.2.0/24'",
        "{claim: email, present: false}], issuer: i, hours: [{from: '00:00', to: '24:00'}",
    ] {
        assert!(!is_required(rest), "{rest}");
    }
}
