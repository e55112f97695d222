use std::path::Path;

use super::*;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(text.as_bytes())
}

#[test]
fn nothing_said_is_the_default() {
    for text in ["", "# later\n", "key_cache: {}\n", "{}", "jwks_files: {}"] {
        assert_eq!(parse(text).unwrap(), Settings::default(), "{text:?}");
    }
}

#[test]
fn all_that_can_be_said() {
    let settings = parse(
        "key_cache: {fresh: 10m, stale_if_error: 2d}\njwks_files:\n  https://a.example: \
         /etc/opk/a.json\nfallback: {command: [/bin/cat, \"%u\"], timeout: 5s}\nreadable: [/opt/nss]\n\
         arguments: [connection, routing_domain]\n",
    )
    .unwrap();
    let bounds = Bounds::new(Duration::from_secs(600), Duration::from_secs(172_800));
    assert_eq!(settings.key_cache, bounds);
    let command = ["/bin/cat".to_owned(), "%u".to_owned()];
    let fallback = Fallback::parse(&command, Duration::from_secs(5)).unwrap();
    assert_eq!(settings.fallback, Some(fallback));
    assert_eq!(settings.readable, [Path::new("/opt/nss")]);
    let arguments = [Argument::Connection, Argument::RoutingDomain];
    assert_eq!(settings.arguments, arguments);
    assert_eq!(
        settings.jwks_files["https://a.example"],
        Path::new("/etc/opk/a.json")
    );
}

#[test]
fn what_cannot_be_used_is_an_error() {
    for (text, reason) in [
        ("key_cache: {fresh: 2h}", "more than 1 h"),
        ("key_cache: {stale_if_error: 8d}", "more than 168 h"),
        ("key_cache: {fresh: 1}", "not a duration"),
        ("key_cache: {fresh: h}", "not a duration"),
        ("key_cache: {fresh: +1h}", "not a duration"),
        ("key_cache: {fresh: 1é}", "not a duration"),
        (
            "key_cache: {fresh: 99999999999999999999s}",
            "not a duration",
        ),
        ("key_cache: {frsh: 1h}", "frsh"),
        ("keycache: {}", "keycache"),
        ("key_cache:", "\"key_cache\" has no value"),
        ("key_cache: {fresh: ~}", "\"fresh\" has no value"),
        ("jwks_files: {https://a: }", "has no value"),
        ("fallback: null", "\"fallback\" has no value"),
        ("readable: [/a, ]\nfallback:\n", "\"fallback\" has no value"),
        ("jwks_files: {https://a: a.json}", "absolute"),
        (
            "readable: [opt/nss]",
            "readable: opt/nss is not an absolute",
        ),
        ("readable: /opt/nss", ""),
        ("arguments: connection", ""),
        ("arguments: [connection, conection]", "conection"),
        ("arguments: ['%C']", "%C"),
        ("arguments: [connection, connection]", "named twice"),
        ("fallback: {command: [cat]}", "absolute"),
        ("fallback: {command: []}", "no command"),
        ("fallback: {command: /bin/cat}", ""),
        ("fallback: {}", "command"),
        (
            "fallback: {command: [/bin/cat], timeout: 61s}",
            "more than 60 s",
        ),
        ("fallback: {command: [/bin/cat], shell: true}", "shell"),
        ("jwks_files: [a]", ""),
        ("- a", ""),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}
