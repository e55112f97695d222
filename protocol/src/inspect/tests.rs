//! The `*.go.txt` files are the output of Go's client 0.16 for the files beside them.

use super::*;

fn utc(text: &str) -> String {
    render(text, &TimeZone::UTC).unwrap_or_else(|error| panic!("{error}"))
}

/// Sorts the lines after `Extensions:`, which Go prints in random order.
fn sorted_extensions(text: &str) -> String {
    let (head, rest) = text.split_once("Extensions:\n").expect("a certificate");
    let (extensions, tail) = rest.split_once("\n\n").expect("a section after it");
    let mut extensions: Vec<_> = extensions.lines().collect();
    extensions.sort_unstable();
    format!("{head}Extensions:\n{}\n\n{tail}", extensions.join("\n"))
}

#[test]
fn a_certificate_is_shown_as_go_shows_it_but_for_the_access_token() {
    let go = include_str!("certificate.go.txt");
    assert!(go.contains("openpubkey-act: secret-access-token"));
    let ours = utc(include_str!("certificate.pub"));
    assert!(!ours.contains("secret-access-token"));
    let expected = go.replace("secret-access-token", "[access token] 19 bytes");
    assert_eq!(ours, sorted_extensions(&expected));
}

#[test]
fn a_certificate_without_a_pk_token_is_shown_as_go_shows_it() {
    let ours = utc(include_str!("plain-certificate.pub"));
    assert_eq!(
        sorted_extensions(&ours),
        sorted_extensions(include_str!("plain-certificate.go.txt"))
    );
}

#[test]
fn a_public_key_is_shown_as_go_shows_it() {
    assert_eq!(utc(include_str!("key.pub")), include_str!("key.go.txt"));
}

#[test]
fn times_are_shown_in_the_zone_asked_for() {
    let zone = TimeZone::fixed(jiff::tz::offset(2));
    let text = render(include_str!("certificate.pub"), &zone).expect("valid");
    assert!(
        text.contains("Valid Before:      2099-01-01T02:00:00+02:00\n"),
        "{text}"
    );
}

#[test]
fn the_first_key_of_an_authorized_keys_text_is_shown() {
    let key = include_str!("key.pub").trim();
    let text = format!("\n# ecdsa AAAA\r\n not a key\ncert-authority,command=\"a b\" {key} me\r\n");
    assert_eq!(utc(&text), include_str!("key.go.txt"));
}

#[test]
fn what_is_no_key_is_refused() {
    let key = include_str!("key.pub");
    let cut = STANDARD.encode(&STANDARD.decode(key.split(' ').nth(1).unwrap()).unwrap()[..40]);
    for text in [
        "",
        "garbage here",
        &format!("command=\"a b {key}"),
        &format!("no pty {key}"),
        &format!("ecdsa-sha2-nistp256 {cut}"),
        "ssh-ed25519 AAAA",
        &key.replace("nistp256 ", "nistp384 "),
    ] {
        let error = render(text, &TimeZone::UTC).expect_err("no key");
        assert_eq!(
            error.to_string(),
            "failed to parse SSH key: ssh: no key found",
            "{text}"
        );
    }
    let cut = "ecdsa-sha2-nistp256-cert-v01@openssh.com \
               AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20=";
    assert!(matches!(
        render(cut, &TimeZone::UTC),
        Err(InspectError::Malformed(_))
    ));
}

#[test]
fn claims_do_not_steer_the_terminal() {
    let object = json::parse_object_like_go(br#"{"a":"<\u009b\u202e&"}"#).expect("an object");
    assert_eq!(
        indented(&object),
        "{\n  \"a\": \"\\u003c\\u009b\\u202e\\u0026\"\n}"
    );
}

#[test]
fn times_and_numbers_are_plain() {
    let time = |seconds| local_time(seconds, &TimeZone::UTC);
    assert_eq!([time(0), time(u64::MAX)], ["Not set", "Forever"]);
    assert_eq!(time(1 << 50), "1125899906842624"); // outside of the calendar
    let object = json::parse_object_like_go(br#"{"a":[1e6,-2.0,1.5,9007199254740993,1e300]}"#);
    let text = indented(&object.expect("an object")).replace(['\n', ' '], "");
    assert_eq!(text, r#"{"a":[1000000,-2,1.5,9007199254740993,1e+300]}"#);
}
