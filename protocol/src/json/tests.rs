use super::*;

#[test]
fn duplicate_members_are_refused_at_any_level() {
    assert!(parse_object(br#"{"a":1,"a":2}"#).is_err());
    assert!(parse_object(br#"{"x":[{"a":1,"\u0061":2}]}"#).is_err());
    assert!(parse_object(br#"{"a":{"b":1},"b":1}"#).is_ok());
}

#[test]
fn only_whole_objects_are_read() {
    for text in ["null", "[]", "\"x\"", "", "{} {}", "{\"a\":1"] {
        assert!(parse_object(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn deep_nesting_is_refused_not_a_stack_overflow() {
    let text = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse_object(text.as_bytes()).is_err());
    assert!(parse_object_like_go(text.as_bytes()).is_err());
}

#[test]
fn surrogate_escapes_at_the_end_of_input_do_not_panic() {
    for text in [
        "\\",
        "\\u",
        "\\ud800",
        "{\"a\":\"\\ud800\\u",
        "\\ud800\\udc0",
        "\\\\ud800",
    ] {
        let _ = parse_object_like_go(text.as_bytes());
    }
}
