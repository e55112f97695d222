use super::*;

fn parse(text: &str) -> Providers {
    Providers::parse("providers", text.as_bytes())
}

fn refusal(text: &str, issuer: &str) -> String {
    parse(text)
        .for_issuer(issuer)
        .expect_err("refused")
        .to_string()
}

#[test]
fn rows_become_providers() {
    let providers = parse("https://a.example id 24h\nhttps://b.example/ id oidc\n");
    assert_eq!(
        providers
            .for_issuer("https://a.example")
            .unwrap()
            .client_ids,
        ["id"]
    );
    assert!(providers.for_issuer("https://b.example/").is_ok());
    assert!(providers.problems.is_empty());
}

#[test]
fn row_58_an_issuer_is_its_exact_text() {
    let text = "https://a.example id 24h";
    assert_eq!(
        refusal(text, "https://a.example/"),
        "unrecognized issuer: https://a.example/, issuers known: [https://a.example] (one \
         differs only in its trailing slash)"
    );
    assert!(refusal(text, "https://A.example").ends_with("letter case)"));
    assert!(refusal(text, "").starts_with("unrecognized issuer"));
    assert_eq!(refusal("", "https://a.example"), "no providers configured");
}

#[test]
fn row_112_a_bad_row_only_affects_its_issuer() {
    let text = "https://bad.example id zz\nhttps://a.example id 24h\n\
                https://dup.example one 24h\nhttps://dup.example two 12h\nshort row\n";
    assert!(parse(text).for_issuer("https://a.example").is_ok());
    assert!(refusal(text, "https://bad.example").contains("invalid expiration policy: zz"));
    assert!(refusal(text, "https://dup.example").contains("duplicate issuer"));
    assert_eq!(parse(text).problems.len(), 3);
    // in any order, and with any number of valid rows
    for text in [
        "https://a.example id zz\nhttps://a.example id 24h\nhttps://a.example id 24h",
        "https://a.example id 24h\nhttps://a.example id zz\nhttps://a.example id 24h",
    ] {
        assert!(refusal(text, "https://a.example").contains("invalid expiration policy"));
    }
}

#[test]
fn several_client_ids_of_one_lifetime() {
    let providers = parse("https://a.example one 24h\nhttps://a.example two 24h\n");
    assert_eq!(
        providers
            .for_issuer("https://a.example")
            .unwrap()
            .client_ids,
        ["one", "two"]
    );
}

#[test]
fn row_113_both_spellings_of_oidc_refreshed() {
    let providers =
        parse("https://a.example x oidc-refreshed\nhttps://a.example y oidc_refreshed\n");
    assert!(providers.for_issuer("https://a.example").is_ok());
    assert!(refusal("https://a.example x OIDC", "https://a.example").contains("expiration"));
}

#[test]
fn https_or_this_machine() {
    for issuer in [
        "https://a.example",
        "http://localhost:3000",
        "http://127.0.0.1:1/",
        "http://[::1]:2",
    ] {
        assert!(
            parse(&format!("{issuer} id 24h"))
                .for_issuer(issuer)
                .is_ok(),
            "{issuer}"
        );
    }
    for issuer in [
        "http://a.example",
        "http://localhost.a.example",
        "http://127.0.0.1.a.example",
        "http://user@a.example",
        "ftp://a.example",
        "a.example",
        "file:///etc/opk",
    ] {
        assert!(
            refusal(&format!("{issuer} id 24h"), issuer).contains("https"),
            "{issuer}"
        );
    }
    assert!(refusal("https://a.example '' 24h", "https://a.example").contains("client id"));
}
