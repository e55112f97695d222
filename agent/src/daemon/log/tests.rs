use super::*;

#[test]
fn each_line_has_its_priority() {
    let line = Line { prefix: "<4>" };
    assert_eq!(line.of(b"a b\n"), "<4>a b\n");
}

#[test]
fn an_event_is_one_line() {
    let line = Line { prefix: "" };
    assert_eq!(
        line.of("a\n<0>b\u{1b}[2J\u{202e}\n".as_bytes()),
        "a\\n<0>b\\u{1b}[2J\\u{202e}\n"
    );
}
