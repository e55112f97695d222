use super::*;

/// Checks triples of identity, claims, and whether they match.
fn check(rows: &[(&str, &str, bool)]) {
    for (cell, claims, expected) in rows {
        let claims = opkssh_protocol::json::parse_object(claims.as_bytes()).unwrap();
        let matched =
            Identity::parse(cell).is_ok_and(|identity| identity.matches(&ClaimSet::new(&claims)));
        assert_eq!(matched, *expected, "{cell} {claims:?}");
    }
}

#[test]
fn email_in_any_ascii_case_or_exact_subject() {
    check(&[
        (
            "alice@x.example",
            r#"{"email":"alice@x.example","sub":"1"}"#,
            true,
        ),
        (
            "Alice@X.example",
            r#"{"email":"alice@x.EXAMPLE","sub":"1"}"#,
            true,
        ),
        (
            "alice@x.example",
            r#"{"email":"malice@x.example","sub":"1"}"#,
            false,
        ),
        ("Sub-1", r#"{"sub":"Sub-1"}"#, true),
        ("sub-1", r#"{"sub":"Sub-1"}"#, false),
        ("alice@x.example", r#"{"sub":"1"}"#, false),
        ("jürgen@x.example", r#"{"email":"jürgen@X.example"}"#, true),
        ("JÜRGEN@x.example", r#"{"email":"jürgen@x.example"}"#, false),
    ]);
}

#[test]
fn row_89_claim_names_are_exact() {
    check(&[("a@x", r#"{"Email":"a@x","EMAIL":"a@x","SUB":"a@x"}"#, false)]);
}

#[test]
fn row_90_and_91_lookalike_letters_are_other_letters() {
    check(&[
        ("k@x", "{\"email\":\"\u{212a}@x\"}", false),
        ("s@x", "{\"email\":\"\u{17f}@x\"}", false),
        ("i@x", "{\"email\":\"\u{130}@x\"}", false),
        (
            "oidc-match-end:email:@kx",
            "{\"email\":\"a@\u{212a}x\"}",
            false,
        ),
    ]);
}

#[test]
fn row_92_an_empty_cell_never_matches() {
    check(&[("", "{}", false), ("", r#"{"email":"","sub":""}"#, false)]);
    assert_eq!(Identity::parse(""), Err("the identity is empty"));
}

#[test]
fn row_93_and_94_mail_suffixes() {
    check(&[
        ("oidc-match-end:email:", r#"{"email":"a@x"}"#, false),
        ("OIDC-match-end:Email:", r#"{"email":"a@x"}"#, false),
        (
            "oidc-match-end:email:@Example.com",
            r#"{"email":"a@example.COM"}"#,
            true,
        ),
        (
            "oidc-match-end:email:@example.com",
            r#"{"email":"a@notexample.com"}"#,
            false,
        ),
        (
            "oidc-match-end:email:example.com",
            r#"{"email":"x@notexample.com"}"#,
            true,
        ),
        (
            "oidc-match-end:email:example.com",
            r#"{"email":"com"}"#,
            false,
        ),
        (
            "oidc-match-end:email:example.com",
            r#"{"sub":"example.com"}"#,
            false,
        ),
        ("oidc-match-end:email:é", r#"{"email":"a\u0000é"}"#, true),
        (
            "oidc-match-end:email:q",
            r#"{"sub":"oidc-match-end:email:q"}"#,
            true,
        ),
    ]);
}

#[test]
fn row_95_and_96_incomplete_claim_cells() {
    check(&[
        ("oidc:", r#"{"":""}"#, false),
        ("OIDC:", r#"{"sub":"OIDC:"}"#, false),
        ("oidc::", r#"{"":""}"#, false),
        ("oidc:x", r#"{"x":"x","sub":"oidc:x"}"#, false),
        ("oidc:x:", r#"{"x":""}"#, false),
        ("oidc:x:\"\"", r#"{"x":""}"#, false),
        ("oidc:\"\":x", r#"{"":"x"}"#, false),
    ]);
}

#[test]
fn claims_by_exact_name_and_value() {
    check(&[
        ("oidc:groups:dev", r#"{"groups":["ops","dev"]}"#, true),
        (
            "oidc:groups:dev",
            r#"{"groups":["Dev","developers"]}"#,
            false,
        ),
        ("oidc:groups:dev", r#"{"groups":"dev"}"#, true),
        ("oidc:Groups:dev", r#"{"groups":["dev"]}"#, false),
        ("oidc::groups::dev", r#"{"groups":["dev"]}"#, true),
        ("oidc:admin:true", r#"{"admin":true}"#, true),
        ("oidc:email:A@x", r#"{"email":"a@x"}"#, false),
        ("oidc:groups:big team", r#"{"groups":["big team"]}"#, true),
    ]);
}

#[test]
fn row_97_colons_need_quotes() {
    check(&[
        ("oidc:groups:a:b", r#"{"groups":["a:b"]}"#, false),
        ("oidc:groups:a:b", r#"{"groups":["b"]}"#, false),
        ("oidc:groups:\"a:b\"", r#"{"groups":["a:b"]}"#, true),
        ("oidc:groups:\"a:b\"", r#"{"groups":["b"]}"#, false),
        (
            "oidc:\"https://acme.com/groups\":dev",
            r#"{"https://acme.com/groups":["dev"]}"#,
            true,
        ),
        (
            "oidc:https://acme.com/groups:dev",
            r#"{"https":"dev"}"#,
            false,
        ),
        ("oidc:groups:\"a:b", r#"{"groups":["a:b","\"a:b"]}"#, false),
    ]);
    let never = Identity::parse("oidc:groups:a:b").unwrap_err();
    assert!(
        never.starts_with("more than one ':' after the claim"),
        "{never}"
    );
}

#[test]
fn row_98_numbers_in_both_spellings() {
    check(&[
        ("oidc:n:1000000", r#"{"n":1000000}"#, true),
        ("oidc:n:1e+06", r#"{"n":1000000}"#, true),
        ("oidc:n:1.23456789e+08", r#"{"n":123456789}"#, true),
        ("oidc:n:100000", r#"{"n":100000}"#, true),
        ("oidc:n:1e+05", r#"{"n":100000}"#, false),
        ("oidc:n:0.5", r#"{"n":0.5}"#, true),
        ("oidc:n:-1e-05", r#"{"n":-0.00001}"#, true),
        ("oidc:n:7", r#"{"n":[5,7]}"#, true),
    ]);
}

#[test]
fn row_99_and_100_null_and_nested_claims_say_nothing() {
    check(&[
        ("oidc:x:<nil>", r#"{"x":null}"#, false),
        ("oidc:x:null", r#"{"x":null}"#, false),
        ("oidc:x:<nil>", r#"{"x":[null]}"#, false),
        ("oidc:x.y:z", r#"{"x":{"y":"z"}}"#, false),
        ("oidc:x:map[y:z]", r#"{"x":{"y":"z"}}"#, false),
        ("oidc:x:z", r#"{"x":[["z"]]}"#, false),
    ]);
}

#[test]
fn row_101_a_star_is_a_star() {
    check(&[("*", r#"{"email":"a@x","sub":"1"}"#, false)]);
}

#[test]
fn row_102_repository_globs() {
    check(&[
        (
            "repo:org/app:*",
            r#"{"sub":"repo:org/app:environment:staging"}"#,
            true,
        ),
        (
            "repo:org/app:*",
            r#"{"sub":"repo:org/app:ref:refs/heads/main"}"#,
            false,
        ),
        (
            "repo:org/app:ref:refs/heads/*",
            r#"{"sub":"repo:org/app:ref:refs/heads/main"}"#,
            true,
        ),
        ("repo:org/**", r#"{"sub":"repo:org/app/x"}"#, false),
        ("repo:org/[x", r#"{"sub":"repo:org/[x"}"#, true),
        ("repo:org/[x", r#"{"sub":"repo:org/x"}"#, false),
        ("repo:", r#"{"sub":"repo:"}"#, false),
        ("REPO:*", r#"{"sub":"REPO:a"}"#, false),
        ("repo:*", r#"{"email":"repo:a"}"#, false),
    ]);
}
