use super::*;

#[test]
fn the_first_matching_rule_decides() {
    let class =
        |issuer, client_id, alias: &str| ProviderClass::of(issuer, client_id, &[alias.to_owned()]);
    for (issuer, client_id, alias, expected) in [
        (
            "https://accounts.google.com",
            "c",
            "",
            ProviderClass::Google,
        ),
        (
            "https://accounts.google.com/",
            "c",
            "",
            ProviderClass::Google,
        ),
        (
            "https://login.microsoftonline.com/t/v2.0",
            "c",
            "",
            ProviderClass::Azure,
        ),
        (
            "https://gitlab.com",
            "unused",
            "gitlab-ci",
            ProviderClass::GitlabCi,
        ),
        (
            "https://gitlab.example",
            "unused",
            "gitlab-ci",
            ProviderClass::GitlabCi,
        ),
        (
            "https://gitlab.com",
            "c",
            "gitlab-ci",
            ProviderClass::Gitlab,
        ),
        ("https://gitlab.com/", "c", "", ProviderClass::Gitlab),
        ("https://gitlab.com//", "c", "", ProviderClass::Generic),
        (
            "https://gitlab.com.evil.example",
            "c",
            "",
            ProviderClass::Generic,
        ),
        ("https://issuer.hello.coop", "c", "", ProviderClass::Hello),
        (
            "https://issuer.hello.coop/",
            "c",
            "",
            ProviderClass::Generic,
        ),
        (
            "https://token.actions.githubusercontent.com",
            "c",
            "",
            ProviderClass::GithubActions,
        ),
        (
            "https://codeberg.org/api/actions",
            "unused",
            "",
            ProviderClass::ForgejoActions,
        ),
        (
            "https://codeberg.org/api/actions",
            "c",
            "",
            ProviderClass::Generic,
        ),
        ("https://id.example.com", "c", "", ProviderClass::Generic),
    ] {
        assert_eq!(
            class(issuer, client_id, alias),
            expected,
            "{issuer} {client_id} {alias}"
        );
    }
}

#[test]
fn only_google_and_generic_providers_get_a_secret() {
    use ProviderClass::*;
    for class in [Google, Generic] {
        assert!(class.takes_secret());
    }
    for class in [
        Azure,
        Gitlab,
        GitlabCi,
        Hello,
        GithubActions,
        ForgejoActions,
    ] {
        assert!(!class.takes_secret(), "{class:?}");
    }
}
