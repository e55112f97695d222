use super::*;

const ISSUER: &str = "https://op.example";

fn discovery(document: &str) -> Result<String, HttpError> {
    discovered(document.as_bytes(), "jwks_uri", "u", ISSUER).map(String::from)
}

#[test]
fn at_most_one_slash_goes() {
    for (issuer, expected) in [
        ("https://a", "https://a/.well-known/openid-configuration"),
        ("https://a/", "https://a/.well-known/openid-configuration"),
        (
            "https://a/b//",
            "https://a/b//.well-known/openid-configuration",
        ),
    ] {
        assert_eq!(discovery_url(issuer), expected);
    }
}

#[test]
fn how_long_the_provider_says() {
    for (lines, expected) in [
        (&[][..], None),
        (&[("cache-control", "public, max-age=300")], Some(300)),
        (&[("cache-control", "Max-Age=\"60\", immutable")], Some(60)),
        (&[("cache-control", "max-age=300, no-store")], Some(0)),
        (&[("cache-control", "no-cache")], Some(0)),
        (&[("cache-control", "max-age=soon")], None),
        (&[("cache-control", "s-maxage=5, x=1")], None),
        (
            &[
                ("cache-control", "max-age=300"),
                ("cache-control", "max-age=200"),
            ],
            Some(200),
        ),
        (
            &[("cache-control", "max-age=300"), ("age", "100")],
            Some(200),
        ),
        (&[("cache-control", "max-age=300"), ("age", "400")], Some(0)),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let expected = expected.map(Duration::from_secs);
        assert_eq!(max_age(&headers), expected, "{lines:?}");
    }
}

#[test]
fn row_60_the_document_must_name_the_issuer() {
    let ok = r#"{"issuer":"https://op.example","jwks_uri":"https://op.example/keys","x":1}"#;
    assert_eq!(discovery(ok).unwrap(), "https://op.example/keys");
    for bad in [
        r#"{"issuer":"https://op.example/","jwks_uri":"https://op.example/keys"}"#,
        r#"{"issuer":"https://OP.example","jwks_uri":"https://op.example/keys"}"#,
        r#"{"issuer":5,"jwks_uri":"https://op.example/keys"}"#,
        r#"{"issuer":"https://op.example"}"#,
        r#"{"issuer":"https://evil","issuer":"https://op.example","jwks_uri":"https://k"}"#,
        "[]",
        "null",
        "<html>",
        "",
    ] {
        assert!(discovery(bad).is_err(), "{bad}");
    }
}

#[test]
fn only_https_is_asked_or_this_machine_if_we_come_from_there() {
    assert!(acceptable("https://a/u", "https://a").is_ok());
    assert!(acceptable("https://a/u", "http://127.0.0.1:1").is_ok());
    assert!(acceptable("http://127.0.0.1:1/u", "http://127.0.0.1:1").is_ok());
    for (address, from) in [
        ("http://a/u", "https://a"),
        ("http://a/u", "http://127.0.0.1"),
        ("http://127.0.0.1/u", "https://a"),
        ("ftp://a/u", "https://a"),
        ("file:///etc/passwd", "https://a"),
        ("x", "https://a"),
        ("", "https://a"),
    ] {
        let refused = acceptable(address, from);
        assert!(matches!(refused, Err(HttpError::NotHttps(_))), "{address}");
    }
}
