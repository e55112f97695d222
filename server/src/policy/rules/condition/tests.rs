use super::*;

fn claims() -> Object {
    let claims = r#"{"env":"staging","n":1000000,"ok":true,"null":null,"half":0.5,
        "groups":["a:b","c d"],"one":"admins","https://x.example/role":"lead",
        "realm_access":{"roles":["dev"]},"object":{},"empty":[],
        "scope":"openid contractor","mixed":["dev",{"name":"suspended"}],"halves":[0.5],
        "nested":[["dev"]]}"#;
    opkssh_protocol::json::parse_object(claims.as_bytes()).unwrap()
}

fn ask(path: &[&str], test: Test, negated: bool) -> (bool, bool) {
    let names = path.iter().map(|name| (*name).to_owned()).collect();
    let condition = Condition {
        path: Path::new(names).unwrap(),
        test,
        negated,
        ignores_missing: false,
    };
    (
        condition.surely(&claims()),
        condition.perhaps(&claims()) != Denies::No,
    )
}

fn is(text: &str) -> Test {
    Test::Is(vec!["other".into(), text.into()])
}

fn has(text: &str) -> Test {
    Test::Has(vec![text.into()])
}

fn glob(text: &str) -> Test {
    Test::Glob(vec![text.into()])
}

#[test]
fn what_the_claims_say() {
    for (path, test) in [
        (&["env"][..], is("staging")),
        (&["n"], is("1000000")),
        (&["ok"], is("true")),
        (&["https://x.example/role"], is("lead")),
        (&["env"], glob("st*")),
        (&["groups"], has("a:b")),
        (&["groups"], has("c d")),
        (&["one"], has("admins")),
        (&["realm_access", "roles"], has("dev")),
        (&["mixed"], has("dev")),
        (&["env"], Test::Present),
    ] {
        assert_eq!(
            ask(path, test.clone(), false),
            (true, true),
            "{path:?} {test:?}"
        );
        assert_eq!(
            ask(path, test.clone(), true),
            (false, false),
            "{path:?} {test:?}"
        );
    }
}

#[test]
fn what_they_deny() {
    for (path, test) in [
        (&["env"][..], is("Staging")),
        (&["env"], is("stag")),
        (&["env"], glob("s?")),
        (&["groups"], has("b")),
        (&["groups"], has("a")),
        (&["empty"], has("a")),
        (&["null"], Test::Present),
        (&["none"], Test::Present),
    ] {
        assert_eq!(
            ask(path, test.clone(), false),
            (false, false),
            "{path:?} {test:?}"
        );
        assert_eq!(
            ask(path, test.clone(), true),
            (true, true),
            "{path:?} {test:?}"
        );
    }
}

#[test]
fn what_they_do_not_say_allows_nobody_and_denies() {
    for path in [
        &["none"][..],
        &["null"],
        &["realm_access", "none"],
        &["env", "x"],
    ] {
        for test in [is("staging"), has("staging"), glob("*")] {
            for negated in [false, true] {
                assert_eq!(
                    ask(path, test.clone(), negated),
                    (false, true),
                    "{path:?} {test:?}"
                );
            }
        }
    }
}

#[test]
fn claims_of_another_kind_allow_nobody_and_deny() {
    for (path, test) in [
        (&["groups"][..], is("a:b")),
        (&["groups"], glob("*")),
        (&["object"], is("{}")),
        (&["object"], has("x")),
        (&["half"], is("0.5")),
        (&["n"], glob("*")),
        (&["scope"], has("contractor")),
        (&["one"], has("dev")),
        (&["n"], has("1")),
        (&["mixed"], has("suspended")),
        (&["halves"], has("0.5")),
        (&["nested"], has("dev")),
    ] {
        for negated in [false, true] {
            assert_eq!(
                ask(path, test.clone(), negated),
                (false, true),
                "{path:?} {test:?}"
            );
        }
    }
}

#[test]
fn a_missing_claim_can_be_ignored_and_one_of_another_kind_cannot() {
    let ignoring = |path: &[&str], negated| Condition {
        path: Path::new(path.iter().map(|name| (*name).to_owned()).collect()).unwrap(),
        test: has("dev"),
        negated,
        ignores_missing: true,
    };
    for negated in [false, true] {
        for path in [&["none"][..], &["null"], &["realm_access", "none"]] {
            let condition = ignoring(path, negated);
            assert_eq!(condition.perhaps(&claims()), Denies::No, "{path:?}");
            assert!(!condition.surely(&claims()), "{path:?}");
        }
        for path in [&["scope"][..], &["env", "x"], &["groups", "x"]] {
            let condition = ignoring(path, negated);
            assert_eq!(condition.perhaps(&claims()), Denies::Yes, "{path:?}");
        }
    }
}

#[test]
fn mail_addresses_are_compared_without_letter_case_where_that_denies() {
    let claims = r#"{"email":"Kurt@X.example","upn":"Kurt@X.example","name":"Kurt",
        "mails":["other@x.example","KURT@x.example"]}"#;
    let claims = opkssh_protocol::json::parse_object(claims.as_bytes()).unwrap();
    let asked = |name: &str, test: Test, negated| {
        let condition = Condition {
            path: Path::new(vec![name.to_owned()]).unwrap(),
            test,
            negated,
            ignores_missing: false,
        };
        (
            condition.surely(&claims),
            condition.perhaps(&claims) != Denies::No,
        )
    };
    for (name, test) in [
        ("email", is("kurt@x.example")),
        ("email", glob("*@x.EXAMPLE")),
        ("email", glob("kurt*")),
        ("upn", is("kurt@x.example")),
        ("mails", has("kurt@x.example")),
    ] {
        assert_eq!(asked(name, test.clone(), false), (false, true), "{test:?}");
        // allowing stays exact
        assert_eq!(asked(name, test.clone(), true), (true, false), "{test:?}");
    }
    // a look-alike is uncertain, which denies either way
    for negated in [false, true] {
        let test = is("\u{212a}urt@x.example");
        assert!(asked("email", test, negated).1);
    }
    for (name, test) in [
        ("name", is("kurt")),
        ("name", glob("k*")),
        ("email", is("kurt@x.example.org")),
        ("mails", has("curt@x.example")),
    ] {
        assert_eq!(asked(name, test.clone(), false), (false, false), "{test:?}");
    }
}
