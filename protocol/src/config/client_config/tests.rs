use super::*;
use crate::config::{AccountOverrides, LockOn};

fn parse(yaml: &str) -> ClientConfig {
    ClientConfig::parse(yaml, "config.yml").unwrap_or_else(|error| panic!("{error}"))
}

fn refused(yaml: &str) -> ConfigError {
    ClientConfig::parse(yaml, "config.yml")
        .err()
        .expect("must be refused")
}

#[test]
fn every_key_of_go_is_read() {
    let config = parse(
        "default_provider: work\n\
         providers:\n\
         \x20 - alias: \"work office\"\n\
         \x20   issuer: https://id.example.com/\n\
         \x20   client_id: cid\n\
         \x20   client_secret: s3cret\n\
         \x20   scopes: openid groups\n\
         \x20   access_type: online\n\
         \x20   prompt: select_account\n\
         \x20   redirect_uris:\n\
         \x20     - http://localhost:4000/cb\n\
         \x20   remote_redirect_uri: https://relay.example.com/cb\n\
         \x20   send_access_token: true\n",
    );
    assert_eq!(config.default_provider.as_deref(), Some("work"));
    let provider = &config.providers[0];
    assert_eq!(provider.aliases, ["work", "office"]);
    assert_eq!(provider.issuer, "https://id.example.com/");
    assert_eq!(provider.client_id, "cid");
    assert_eq!(
        provider.client_secret.as_ref().map(Secret::expose),
        Some("s3cret")
    );
    assert_eq!(provider.scopes, ["openid", "groups"]);
    assert_eq!(provider.access_type, "online");
    assert_eq!(provider.prompt, "select_account");
    assert_eq!(provider.redirect_uris, ["http://localhost:4000/cb"]);
    assert_eq!(
        provider.remote_redirect_uri.as_deref(),
        Some("https://relay.example.com/cb")
    );
    assert!(provider.send_access_token);
}

#[test]
fn missing_and_empty_values_become_defaults() {
    for yaml in [
        "providers:\n  - alias: a\n    issuer: https://i\n    client_id: c\n",
        "providers:\n  - alias: a\n    issuer: https://i\n    client_id: c\n    client_secret: \"\"\n    \
         scopes: \"\"\n    access_type:\n    prompt: \"\"\n    redirect_uris: []\n    \
         remote_redirect_uri: \"\"\n    hosts: []\n",
    ] {
        let config = parse(yaml);
        assert_eq!(config.default_provider, None);
        let provider = &config.providers[0];
        assert!(provider.client_secret.is_none());
        assert_eq!(provider.scopes, ["openid", "profile", "email"]);
        assert_eq!(provider.access_type, "offline");
        assert_eq!(provider.prompt, "consent");
        assert_eq!(provider.redirect_uris, DEFAULT_REDIRECT_URIS);
        assert_eq!(provider.remote_redirect_uri, None);
        assert!(!provider.send_access_token);
        assert!(provider.hosts.is_empty());
        assert_eq!(provider.expiration, ExpirationPolicy::default());
    }
}

#[test]
fn our_keys_are_read() {
    let config = parse(
        "providers:\n  - alias: a\n    hosts: [\"*.example.com\", build]\n    expiration: oidc\n",
    );
    assert_eq!(config.providers[0].hosts, ["*.example.com", "build"]);
    assert_eq!(config.providers[0].expiration.to_string(), "oidc");
}

#[test]
fn on_demand_is_one_of_three_words() {
    for (word, expected) in [
        ("notify", OnDemand::Notify),
        ("browser", OnDemand::Browser),
        ("off", OnDemand::Off),
        ("\"off\"", OnDemand::Off),
        ("false", OnDemand::Off),
        ("", OnDemand::Notify),
    ] {
        let config = parse(&format!(
            "providers:\n  - alias: a\n    on_demand: {word}\n"
        ));
        assert_eq!(config.providers[0].on_demand, expected, "{word}");
    }
}

#[test]
fn accounts_have_settings_of_their_own() {
    let config = parse(
        "agent:\n  default_account: alice\n  accounts:\n    alice:\n      hosts: [a]\n      \
         expiration: oidc\n      on_demand: off\n    bob:\n      later: x\n",
    );
    assert_eq!(config.agent.default_account.as_deref(), Some("alice"));
    let alice = &config.agent.accounts["alice"];
    assert_eq!(alice.hosts.as_deref(), Some(&["a".to_owned()][..]));
    assert_eq!(alice.expiration, Some(ExpirationPolicy::Oidc));
    assert_eq!(alice.on_demand, Some(OnDemand::Off));
    assert_eq!(config.agent.accounts["bob"], AccountOverrides::default());
    assert_eq!(parse("agent:\n").agent, AgentSection::default());
}

#[test]
fn what_puts_identities_away_is_a_list_of_known_words() {
    use LockOn::{Screen, Sleep};
    for (list, expected) in [
        ("[screen, sleep]", &[Screen, Sleep][..]),
        ("[sleep]", &[Sleep]),
        ("[]", &[]),
        ("", &[]),
    ] {
        let config = parse(&format!("agent:\n  lock_on: {list}\n"));
        assert_eq!(config.agent.lock_on, expected.iter().copied().collect());
    }
    let wrong = "agent:\n  lock_on: [screen, lid]\n";
    let error = refused(wrong).to_string();
    assert!(error.contains("config.yml"), "{error}");
    assert!(
        error.contains("lock_on: \"lid\" is none of screen, sleep"),
        "{error}"
    );
}

#[test]
fn unknown_keys_are_ignored() {
    let config = parse(
        "agent_lifetime: 12h\nnested: {a: [1, 2]}\n\
         providers:\n  - alias: a\n    on_demand: notify\n    forwarding: deny\n    x: {y: z}\n",
    );
    assert_eq!(config.providers.len(), 1);
}

#[test]
fn an_empty_file_is_an_empty_configuration() {
    for yaml in ["", "\n", "# nothing\n", "---\n", "providers:\n"] {
        assert!(parse(yaml).providers.is_empty(), "{yaml:?}");
    }
}

#[test]
fn errors_name_file_and_line() {
    for (yaml, line) in [
        ("providers:\n  - alias: [a, b]\n", 2),
        ("providers:\n  - alias: a\n    scopes:\n      - openid\n", 3),
        ("providers:\n  - alias: a\n    expiration: tomorrow\n", 3),
        ("providers:\n  - alias: a\n    send_access_token: 5\n", 3),
        ("providers:\n  - alias: a\n    on_demand: loud\n", 3),
        ("agent:\n  accounts:\n    a:\n      expiration: 5h\n", 4),
        ("providers:\n  - alias: a\n    alias: b\n", 3),
        ("providers:\n  - alias: a\n   hosts: b\n", 3),
        ("a: b\nc: \"open\n", 0),
    ] {
        let error = refused(yaml);
        let ConfigError::Parse {
            file, line: found, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!(file, "config.yml");
        if line > 0 {
            assert_eq!(*found, Some(line), "{error}");
        }
        assert!(
            error
                .to_string()
                .starts_with("failed to parse config file: config.yml:"),
            "{error}"
        );
        assert_eq!(error.to_string().lines().count(), 1);
        assert!(!error.to_string().contains(" line "), "{error}");
    }
}

#[test]
fn a_value_of_another_type_is_told_by_its_key_and_what_it_must_be() {
    for (yaml, words) in [
        (
            "providers:\n  - alias: a\n    issuer: i\n    client_id: c\n    hosts: a.example.com\n",
            "config.yml:5: hosts must be a list, e.g. [\"*.example.com\"]",
        ),
        (
            "providers:\n  - scopes:\n      - openid\n",
            "config.yml:2: scopes must be a text, e.g. openid email offline_access",
        ),
        (
            "providers: {alias: a}\n",
            "config.yml:1: providers must be a list, each item of which begins with \"- \"",
        ),
        (
            "providers:\n  - send_access_token: maybe\n",
            "config.yml:2: send_access_token must be true or false",
        ),
        (
            "agent:\n  accounts: [alice]\n",
            "config.yml:2: accounts must be keys and values, as in \"key: value\"",
        ),
        (
            "agent:\n  lock_on: screen\n",
            "config.yml:2: lock_on must be a list, e.g. [screen, sleep]",
        ),
        (
            "- alias: a\n",
            "config.yml:1: the file must be keys and values, as in \"key: value\"",
        ),
    ] {
        let error = refused(yaml).to_string();
        assert_eq!(error, format!("failed to parse config file: {words}"));
    }
    // another mistake behind a value that is unusual and right
    let yaml =
        "providers:\n  - {alias: 5, client_id: 1.5, send_access_token: yes}\n  - expiration: 5h\n";
    let error = refused(yaml).to_string();
    assert!(
        error.contains("config.yml:3: expiration: \"5h\" is none of"),
        "{error}"
    );
}

#[test]
fn a_parse_error_never_quotes_a_secret() {
    let error = refused(
        "providers:\n  - alias: a\n    client_secret: hunter2\n    send_access_token: [1]\n",
    );
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn the_built_in_configuration_is_that_of_go() {
    let config = ClientConfig::built_in().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.default_provider.as_deref(), Some("webchooser"));
    let summary: Vec<_> = config
        .providers
        .iter()
        .map(|p| (p.aliases.join(" "), p.issuer.as_str(), p.scopes.join(" ")))
        .collect();
    assert_eq!(
        summary,
        [
            (
                "google".into(),
                "https://accounts.google.com",
                "openid email profile".into()
            ),
            (
                "azure microsoft".into(),
                "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
                "openid profile email offline_access".into()
            ),
            ("gitlab".into(), "https://gitlab.com", "openid email".into()),
            (
                "hello".into(),
                "https://issuer.hello.coop",
                "openid email".into()
            ),
        ]
    );
    for provider in &config.providers {
        assert_eq!(provider.access_type, "offline");
        assert_eq!(provider.prompt, "consent");
        assert_eq!(provider.redirect_uris, DEFAULT_REDIRECT_URIS);
        assert_eq!(
            provider.client_secret.is_some(),
            provider.has_alias("google")
        );
    }
    let secret = config.providers[0]
        .client_secret
        .as_ref()
        .map(Secret::expose)
        .unwrap_or_default();
    assert!(
        secret.starts_with("GOCSPX-") && secret.len() == 35,
        "{}",
        secret.len()
    );
}

#[test]
fn duplicate_aliases_are_found() {
    let config = parse("providers:\n  - alias: a b\n  - alias: c b\n");
    assert_eq!(
        ClientConfig::check_aliases(&config.providers),
        Err(ConfigError::DuplicateAlias("b".into()))
    );
}

#[test]
fn hosts_without_a_value_are_an_error() {
    for yaml in [
        "providers:\n  - alias: a\n    hosts:\n",
        "agent: {accounts: {a: {hosts: }}}\n",
        "agent: {accounts: {a: {hosts: ~}}}\n",
    ] {
        let parsed = ClientConfig::parse(yaml, "config.yml");
        let error = parsed.err().unwrap().to_string();
        assert!(error.contains("hosts: no value"), "{error}");
    }
    assert!(ClientConfig::parse("agent: {accounts: {a: {hosts: []}}}\n", "").is_ok());
}
