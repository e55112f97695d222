use super::*;

fn read(bytes: &str, typed: bool) -> Option<String> {
    let secret = line(&mut bytes.as_bytes(), typed).unwrap();
    secret.map(|secret| secret.expose().to_owned())
}

#[test]
fn a_person_can_correct_and_give_up() {
    assert_eq!(read("pass\r", true).as_deref(), Some("pass"));
    assert_eq!(read("pä\x7fasx\x08s\n", true).as_deref(), Some("pass"));
    assert_eq!(read("no\x15pass\r", true).as_deref(), Some("pass"));
    assert_eq!(read("\x7f\x7fp\r", true).as_deref(), Some("p"));
    assert_eq!(read("pa\x03", true), None);
    assert_eq!(read("", true), None);
}

#[test]
fn of_stdin_each_line_is_one_password() {
    let mut lines = "one two\r\nthree\x03\n".as_bytes();
    let mut next = || line(&mut lines, false).unwrap().unwrap();
    assert_eq!(next().expose(), "one two");
    assert_eq!(next().expose(), "three\x03");
    assert!(line(&mut lines, false).unwrap().is_none());
    assert!(line(&mut &[0xff, b'\n'][..], false).is_err());
    assert!(line(&mut "x".repeat(MAX_LENGTH + 1).as_bytes(), false).is_err());
}
