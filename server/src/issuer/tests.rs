use super::*;

#[test]
fn short_names_and_slashes_mean_the_same_issuer() {
    assert_eq!(expand("google"), "https://accounts.google.com");
    assert_eq!(expand("Google"), "Google");
    assert!(is_same("google", "https://accounts.google.com/"));
    assert!(!is_same("google", "https://gitlab.com"));
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
        ("https://id.example/", "Remove the trailing slash"),
        ("http://id.example", "Change the scheme http://"),
        ("https://ld.example", "did you mean https://id.example?"),
        ("word", "is not a URL"),
        ("https://nowhere.example", "matches an entry in PATH"),
    ] {
        let hint = hint(issuer, &known, "PATH");
        assert!(hint.contains(expected), "{issuer}: {hint}");
    }
}
