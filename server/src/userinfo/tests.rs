use super::*;

fn read(body: &str) -> Result<Userinfo, UserinfoError> {
    Userinfo::read(body.as_bytes(), "sub-1", "u")
}

#[test]
fn only_silence_is_stored_and_only_after_the_full_time() {
    let late = HttpError::Deadline {
        issuer: "i".to_owned(),
        deadline: TIMEOUT,
    };
    assert!(is_unanswered(&late, true));
    assert!(!is_unanswered(&late, false));
    let io = |kind: std::io::ErrorKind| HttpError::Request {
        url: "u".to_owned(),
        error: Box::new(ureq::Error::Io(kind.into())),
    };
    assert!(is_unanswered(
        &io(std::io::ErrorKind::ConnectionRefused),
        false
    ));
    assert!(!is_unanswered(
        &io(std::io::ErrorKind::ConnectionReset),
        true
    ));
    for status in [401, 500, 503] {
        let url = "u".to_owned();
        assert!(!is_unanswered(&HttpError::Status { url, status }, true));
    }
}

#[test]
fn row_116_and_117_only_an_object_about_the_same_person_counts() {
    let told = read(r#"{"sub":"sub-1","groups":["a"],"email":"a@x"}"#).unwrap();
    assert_eq!(
        told.json(),
        "{\"email\":\"a@x\",\"groups\":[\"a\"],\"sub\":\"sub-1\"}\n"
    );
    for body in [
        "null",
        "[]",
        "\"sub-1\"",
        "",
        "<html>",
        "{}",
        r#"{"sub":"sub-2"}"#,
        r#"{"sub":1}"#,
        r#"{"sub":"sub-2","sub":"sub-1"}"#,
        r#"{"sub":"sub-1","email":["a@x"]}"#,
    ] {
        assert!(read(body).is_err(), "{body}");
    }
}
