use super::*;

const ISSUER: &str = "https://op.example";

fn decide(file: &str, principal: &str, deny: &DenyLists) -> Result<String, PolicyDenial> {
    let mut policy = Policy::default();
    policy.add(RowFile::parse("/etc/opk/auth_id", None, file.as_bytes()));
    decide_telling(&policy, principal, deny, &mut |_| ())
}

fn decide_telling(
    policy: &Policy,
    principal: &str,
    deny: &DenyLists,
    tell: &mut dyn FnMut(String),
) -> Result<String, PolicyDenial> {
    let claims = br#"{"email":"alice@x.example","sub":"1","groups":["dev"]}"#;
    let claims = opkssh_protocol::json::parse_object(claims).unwrap();
    let who = Applicant::recorded(principal, ISSUER, &claims, UnixTime(2));
    policy.refuses(&who, deny, tell)?;
    policy.allows(&who, tell).map(|granted| granted.place)
}

#[test]
fn near_misses_are_told_of_a_whole_file_and_rows_of_one_account_decide_as_the_whole() {
    let file = b"ops alice@x.example https://op.example\n\
                 dev alice@x.example https://op.example/\n\
                 dev bob@x.example https://op.example\n\
                 ops bob@x.example https://op.example\n\
                 dev alice@x.example https://op.example\n\
                 dev carol@x.example https://op.example\n";
    let (mut whole, mut of_dev) = (Policy::default(), Policy::default());
    whole.add(RowFile::parse("f", None, file));
    of_dev.add(RowFile::parse("f", Some("dev"), file));
    let told = |policy: &Policy| {
        let mut steps = Vec::new();
        let tell = &mut |step: String| steps.push(step);
        let place = decide_telling(policy, "dev", &DenyLists::default(), tell);
        assert_eq!(place.unwrap(), "f line 5");
        steps.retain(|step| step.starts_with("f line"));
        steps
    };
    assert_eq!(told(&of_dev), ["f line 5 allows"]);
    assert_eq!(
        told(&whole),
        [
            "f line 1 is for account \"ops\"",
            "f line 2 does not allow: its issuer differs only in the trailing slash",
            "f line 3 is for another identity",
            "f line 5 allows",
        ]
    );
}

fn allowed(file: &str, principal: &str) -> bool {
    decide(file, principal, &DenyLists::default()).is_ok()
}

#[test]
fn the_first_fitting_row_decides() {
    let file = "root alice@x.example https://op.example\n\
                dev oidc:groups:dev https://op.example\n\
                dev alice@x.example https://op.example\n";
    assert_eq!(
        decide(file, "dev", &DenyLists::default()).unwrap(),
        "/etc/opk/auth_id line 2"
    );
}

#[test]
fn principal_and_issuer_are_exact() {
    assert!(allowed("dev alice@x.example https://op.example", "dev"));
    for row in [
        "Dev alice@x.example https://op.example",
        "dev alice@x.example https://op.example/",
        "dev alice@x.example https://OP.example",
        "dev,root alice@x.example https://op.example",
        "* alice@x.example https://op.example", // row 101
        "dev alice@x.example google",           // row 103
        "dev alice@x.example ''",
        "dev alice@x.example",
    ] {
        assert!(!allowed(row, "dev"), "{row}");
    }
}

#[test]
fn rows_that_allow_nobody_are_reported() {
    let mut policy = Policy::default();
    let problems = policy.add(RowFile::parse("f", None, b"a b\na '' i\na oidc:x i\na b c"));
    assert_eq!(
        problems,
        [
            "f line 1: wrong number of arguments (expected=3, got=2)",
            "f line 2 can never match: the identity is empty",
            "f line 3 can never match: expected oidc:CLAIM:VALUE",
        ]
    );
}

#[test]
fn deny_lists_come_first() {
    let file = "dev alice@x.example https://op.example";
    let emails = DenyLists {
        emails: vec!["ALICE@x.example".into()],
        users: vec![],
    };
    let users = DenyLists {
        emails: vec![],
        users: vec!["Dev".into()],
    };
    assert_eq!(
        decide(file, "dev", &emails).unwrap_err().to_string(),
        "denied email alice@x.example"
    );
    assert_eq!(
        decide(file, "dev", &users).unwrap_err().to_string(),
        "denied user dev"
    );
}

#[test]
fn the_refusal_names_the_files() {
    let denial = decide("", "dev", &DenyLists::default()).unwrap_err();
    assert_eq!(
        denial.to_string(),
        "no policy to allow alice@x.example with (issuer=https://op.example) to assume dev, \
         check policy config at /etc/opk/auth_id"
    );
}
