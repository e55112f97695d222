use super::*;
use crate::config::provider::DEFAULT_REDIRECT_URIS;

fn refused(text: &str) -> ConfigError {
    parse_provider_argument(text)
        .err()
        .expect("must be refused")
}

#[test]
fn a_provider_argument_has_two_to_four_fields() {
    let two = parse_provider_argument("https://id.example.com,cid").expect("two");
    assert_eq!(
        (two.issuer.as_str(), two.client_id.as_str()),
        ("https://id.example.com", "cid")
    );
    assert!(two.client_secret.is_none() && two.aliases.is_empty());
    assert_eq!(two.scopes, ["openid", "email"]);
    assert_eq!(two.redirect_uris, DEFAULT_REDIRECT_URIS);
    assert_eq!(
        (two.access_type.as_str(), two.prompt.as_str()),
        ("offline", "consent")
    );

    let four = parse_provider_argument("https://i,c,s,openid  groups,more").expect("four");
    assert_eq!(four.client_secret.as_ref().map(Secret::expose), Some("s"));
    assert_eq!(four.scopes, ["openid", "groups"]);
}

#[test]
fn an_empty_scope_list_means_the_providers_own() {
    let scopes = |text| {
        parse_provider_argument(text)
            .expect("valid")
            .scopes
            .join(" ")
    };
    assert_eq!(scopes("https://i,c,,"), "openid profile email");
    assert_eq!(scopes("https://gitlab.com,c,,"), "openid email");
    assert_eq!(
        scopes("https://login.microsoftonline.com/t/v2.0,c,,"),
        "openid profile email offline_access"
    );
}

#[test]
fn what_go_refuses_is_refused_in_its_words() {
    assert_eq!(
        refused("https://i,").to_string(),
        "error creating provider from config: invalid provider client-ID value got ()"
    );
    assert!(
        refused("https://i")
            .to_string()
            .starts_with("invalid provider config string. Exp")
    );
    assert!(
        refused("https://accounts.google.com,c")
            .to_string()
            .starts_with("invalid provider argument format. Expected format for google: ")
    );
    assert!(parse_provider_argument("https://accounts.google.com,c,s").is_ok());
}

#[test]
fn the_environment_lists_providers_with_an_alias_in_front() {
    let list = parse_providers_environment("a,https://i,c;b,https://j,d,s,openid;").expect("valid");
    let names: Vec<_> = list.iter().map(|p| (p.name(), p.issuer.as_str())).collect();
    assert_eq!(names, [("a", "https://i"), ("b", "https://j")]);
    let error = parse_providers_environment("a,https://i,c;b")
        .err()
        .expect("must be refused");
    assert!(
        error
            .to_string()
            .starts_with("error getting provider config from env: error parsing"),
        "{error}"
    );
    assert!(parse_providers_environment("a,https://i").is_err());
}
