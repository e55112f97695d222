use super::*;

#[test]
fn short_names_and_slashes_mean_the_same_issuer() {
    assert_eq!(expand("google"), "https://accounts.google.com");
    assert_eq!(expand("Google"), "Google");
    assert!(is_same("google", "https://accounts.google.com/"));
    assert!(!is_same("google", "https://gitlab.com"));
}

#[test]
fn an_issuer_is_an_https_url_or_one_of_this_machine() {
    for good in [
        "https://id.example",
        "https://id.example:8443/realms/a",
        "http://localhost:1",
        "http://127.0.0.1:1/",
    ] {
        assert!(is_usable(good), "{good}");
    }
    for bad in ["google", "", "id.example", "http://id.example", "https://"] {
        assert!(!is_usable(bad), "{bad}");
    }
}

#[test]
fn what_was_meant_is_a_short_name_a_known_issuer_or_lacks_its_scheme() {
    let known = ["https://id.example".to_owned()];
    for (word, meant) in [
        ("googel", Some("google")),
        ("Google", Some("google")),
        ("id.exmaple", Some("https://id.example")),
        ("http://id.example/", Some("https://id.example")),
        ("login.other.example", Some("https://login.other.example")),
        ("word", None),
    ] {
        assert_eq!(suggestion(word, &known).as_deref(), meant, "{word}");
    }
}

#[test]
fn hints_name_what_was_probably_meant() {
    let known = [
        "https://accounts.google.com".to_owned(),
        "https://id.example".to_owned(),
    ];
    for (issuer, expected) in [
        ("gogle", "did you mean \"google\""),
        ("Google", "did you mean \"google\""),
        ("gooogle", "did you mean \"google\""),
        ("gitalb", "did you mean \"gitlab\""),
        ("google", "files need https://accounts.google.com"),
        ("https://id.example/", "remove the trailing slash"),
        ("http://id.example", "change the scheme http://"),
        ("https://ld.example", "did you mean https://id.example?"),
        ("word", "is not a URL"),
        ("https://nowhere.example", "matches an entry in PATH"),
    ] {
        let hint = hint(issuer, &known, "PATH");
        assert!(hint.contains(expected), "{issuer}: {hint}");
    }
}
