use super::*;
use crate::home::{HomePolicy, NoHomePolicy};

type Answer = Result<HomePolicy, NoHomePolicy>;

#[test]
fn a_home_policy_arrives_as_it_is_whatever_its_bytes() {
    let home: Answer = Ok(HomePolicy {
        path: "/home/alice/.opk/auth_id".into(),
        bytes: b"a\n\xff\0{}\n".to_vec(),
    });
    let absent: Answer = Err(NoHomePolicy {
        reason: "none".to_owned(),
        is_absent: true,
    });
    let mut sent = Vec::new();
    write(&mut sent, &home).unwrap();
    write(&mut sent, &absent).unwrap();
    write(&mut sent, &Some("plugin")).unwrap();
    let mut sent = sent.as_slice();
    assert_eq!(read(&mut sent).unwrap(), Some(home));
    assert_eq!(read(&mut sent).unwrap(), Some(absent));
    let plugin: Option<Option<String>> = read(&mut sent).unwrap();
    assert_eq!(plugin, Some(Some("plugin".to_owned())));
    assert_eq!(read::<Answer>(&mut sent).unwrap(), None);
}

#[test]
fn a_home_policy_that_breaks_off_is_an_error() {
    for answer in [
        r#"{"Ok":{"path":"p","bytes":[97,98"#,
        r#"{"Ok":{"path":"p"}}"#,
        "{",
    ] {
        assert!(read::<Answer>(&mut answer.as_bytes()).is_err(), "{answer}");
    }
}

#[test]
fn a_line_that_never_ends_is_an_error() {
    let mut endless = io::BufReader::new(io::repeat(b'0'));
    assert!(read::<Answer>(&mut endless).is_err());
}
