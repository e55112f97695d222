//! A denial that cannot be evaluated denies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;
#[expect(dead_code, reason = "a stage for several suites")]
mod stage;

use stage::{ACCOUNT, denying, scene};

#[test]
fn a_mail_address_in_a_deny_rule_has_no_letter_case() {
    let (login, _provider, server) = scene(|login| {
        login.claims["email"] = "Alice@X.example".into();
        login.claims["mails"] = serde_json::json!(["Alice@X.example"]);
    });
    for condition in [
        "{claim: email, is: alice@x.example}",
        "{claim: email, is: [bob@x.example, ALICE@x.EXAMPLE]}",
        "{claim: email, glob: '*@x.example'}",
        "{claim: email, glob: 'alice@*'}",
        "{claim: mails, has: alice@x.example}",
    ] {
        server.write("rules.yml", &denying(condition));
        server.refuses(&login, "denied by");
    }
    // the same address, so not "another one"
    server.write(
        "rules.yml",
        &denying("{claim: email, is_not: alice@x.example}"),
    );
    server.allows(&login);
    server.write(
        "rules.yml",
        &denying("{claim: email, glob_not: '*@x.example'}"),
    );
    server.allows(&login);
}

#[test]
fn a_denial_about_a_claim_that_is_missing_denies() {
    let (login, _provider, server) = scene(|_| ());
    for condition in [
        "{claim: groups, has: suspended}",
        "{claim: department, is: sales}",
        "{claim: department, glob: 'sales*'}",
        "{claim: [realm_access, roles], has: suspended}",
        "{claim: department, is_not: engineering}",
    ] {
        server.write("rules.yml", &denying(condition));
        server.refuses(&login, "missing: ignore");
        let ignoring = condition.replace('}', ", missing: ignore}");
        server.write("rules.yml", &denying(&ignoring));
        server.allows(&login);
    }
    // the other condition does not hold, so nothing is in doubt
    let two = "{claim: groups, has: suspended}, {claim: sub, is: sub-2}";
    server.write("rules.yml", &denying(two));
    server.allows(&login);
    server.write("rules.yml", &denying("{claim: groups, present: true}"));
    server.allows(&login);
}

/// What Go's program means by its own list stays.
#[test]
fn a_denied_mail_address_does_not_deny_a_token_without_one() {
    let (login, _provider, server) = scene(|login| {
        login.claims.as_object_mut().unwrap().remove("email");
    });
    server.write("config.yml", "deny_emails: [alice@x.example]\n");
    server.allows(&login);
}

#[test]
fn an_unverified_mail_address_fills_no_slot() {
    let (login, provider, server) = scene(|login| login.claims["email_verified"] = false.into());
    for (slot, used) in [
        ("{claim: email, type: word}", "serve {who}"),
        (
            "{claim: email, type: user, part: local, domain: x.example}",
            "serve {who}",
        ),
    ] {
        for (more, refused) in [("", true), ("email_verified: false, ", false)] {
            let rule = format!(
                "rules: [{{name: one, issuer: '{}', accounts: [{ACCOUNT}], when: [{{claim: sub, is: \
                 sub-1}}], {more}slots: {{who: {slot}}}, options: {{command: '{used}'}}}}]\n",
                provider.address
            );
            server.write("rules.yml", &rule);
            if refused {
                // not on to a row that gives no options
                server.refuses(&login, "email_verified");
            } else {
                assert_eq!(server.verify(&login).1, Ok(()), "{}", server.log());
            }
        }
    }
}
