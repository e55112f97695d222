use super::*;

const CONFIG: &str = "\
default_provider: work
providers:
  - {alias: work w, issuer: 'https://id.example.com', client_id: c1, client_secret: s}
  - {alias: home, issuer: 'https://gitlab.com', client_id: c2, client_secret: s, send_access_token: true}
  - {alias: ci, issuer: 'https://token.actions.githubusercontent.com', client_id: unused}
  - {alias: broken, issuer: 'ftp://id.example.com', client_id: c3}
  - {alias: nameless, issuer: 'https://other.example.com'}
";

fn config(yaml: &str) -> ClientConfig {
    ClientConfig::parse(yaml, "config.yml").unwrap_or_else(|error| panic!("{error}"))
}

fn one(wanted: Wanted<'_>) -> Provider {
    let mut chosen = choose(&wanted, &config(CONFIG)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(chosen.len(), 1);
    chosen.remove(0)
}

fn refused(wanted: Wanted<'_>, yaml: &str) -> ConfigError {
    choose(&wanted, &config(yaml))
        .err()
        .expect("must be refused")
}

#[test]
fn the_argument_wins_over_the_environment_over_the_configuration() {
    let named = |alias, environment_default| {
        one(Wanted {
            alias,
            environment_default,
            ..Wanted::default()
        })
        .client_id
    };
    assert_eq!(named(Some("home"), Some("work")), "c2");
    assert_eq!(named(None, Some("home")), "c2");
    assert_eq!(named(None, Some("")), "c1");
    assert_eq!(named(None, None), "c1");
    assert_eq!(named(Some("w"), None), "c1");
}

#[test]
fn the_provider_flag_wins_over_everything() {
    let provider = one(Wanted {
        provider: Some("https://x.example.com,cx"),
        alias: Some("home"),
        environment_providers: Some("a,https://i,c"),
        ..Wanted::default()
    });
    assert_eq!(
        (provider.issuer.as_str(), provider.scopes.join(" ")),
        ("https://x.example.com", "openid email".into())
    );
}

#[test]
fn providers_of_the_environment_replace_those_of_the_configuration() {
    let list = Some("env,https://env.example.com,ce;");
    let wanted = |alias| Wanted {
        alias,
        environment_providers: list,
        ..Wanted::default()
    };
    assert_eq!(one(wanted(Some("env"))).client_id, "ce");
    // `work` is the configured default, but is no longer in the list
    let error = refused(wanted(None), CONFIG);
    assert_eq!(
        error.to_string(),
        "error getting provider config for alias work"
    );
    assert!(error.hint().contains("env"), "{}", error.hint());
}

#[test]
fn webchooser_in_any_case_offers_all_but_ci() {
    let yaml = "default_provider: WebChooser\nproviders:\n  \
        - {alias: a, issuer: 'https://a.example', client_id: c}\n  \
        - {alias: ci, issuer: 'https://token.actions.githubusercontent.com', client_id: unused}\n  \
        - {alias: b, issuer: 'http://127.0.0.1:8080', client_id: c}\n";
    for alias in [None, Some("webchooser"), Some("WEBCHOOSER")] {
        let choice = choose(
            &Wanted {
                alias,
                ..Wanted::default()
            },
            &config(yaml),
        );
        assert_eq!(
            choice
                .expect("valid")
                .iter()
                .map(Provider::name)
                .collect::<Vec<_>>(),
            ["a", "b"]
        );
    }
}

#[test]
fn without_a_default_there_is_the_chooser_and_one_provider_needs_none() {
    let yaml = "providers:\n  - {alias: a, issuer: 'https://a.example', client_id: c}\n";
    let choice = choose(&Wanted::default(), &config(yaml));
    assert!(choice.is_ok_and(|providers| providers.len() == 1));
    assert_eq!(refused(Wanted::default(), ""), ConfigError::NoProvider);
}

#[test]
fn aliases_are_exact_and_unique() {
    let error = refused(
        Wanted {
            alias: Some("Work"),
            ..Wanted::default()
        },
        CONFIG,
    );
    assert_eq!(
        error.to_string(),
        "error getting provider config for alias Work"
    );
    let twice = "providers:\n  - {alias: a}\n  - {alias: a}\n";
    assert_eq!(
        refused(
            Wanted {
                alias: Some("b"),
                ..Wanted::default()
            },
            twice
        )
        .to_string(),
        "duplicate provider alias found: a"
    );
}

#[test]
fn a_provider_is_checked_when_it_is_used() {
    let alias = |alias| Wanted {
        alias: Some(alias),
        ..Wanted::default()
    };
    assert_eq!(
        refused(alias("broken"), CONFIG).to_string(),
        "error creating provider from config: invalid provider issuer value. Expected issuer to \
         start with 'https://' got (ftp://id.example.com)"
    );
    assert!(
        refused(alias("nameless"), CONFIG)
            .to_string()
            .ends_with("client-ID value got ()")
    );
}

#[test]
fn http_is_for_this_machine_only() {
    for issuer in [
        "https://id.example.com",
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:3/x",
    ] {
        assert!(is_safe_issuer(issuer), "{issuer}");
    }
    for issuer in [
        "",
        "id.example.com",
        "http://id.example.com",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "http://127.0.0.1.example.com",
        "https:id.example.com",
        " https://id.example.com",
        "HTTPS://id.example.com",
        "file:///etc/passwd",
    ] {
        assert!(!is_safe_issuer(issuer), "{issuer}");
    }
}

#[test]
fn a_secret_goes_only_where_go_sends_it() {
    assert!(
        one(Wanted {
            alias: Some("work"),
            ..Wanted::default()
        })
        .client_secret
        .is_some()
    );
    assert!(
        one(Wanted {
            alias: Some("home"),
            ..Wanted::default()
        })
        .client_secret
        .is_none()
    );
    for provider in [
        "https://login.microsoftonline.com/t/v2.0,c,s",
        "https://gitlab.com/,c,s",
        "https://issuer.hello.coop,c,s",
    ] {
        let wanted = Wanted {
            provider: Some(provider),
            ..Wanted::default()
        };
        assert!(one(wanted).client_secret.is_none(), "{provider}");
    }
    let google = Wanted {
        provider: Some("https://accounts.google.com,c,s"),
        ..Wanted::default()
    };
    assert!(one(google).client_secret.is_some());
}

#[test]
fn send_access_token_comes_from_the_flag_or_from_the_configured_issuer() {
    let send = |provider, flag| {
        one(Wanted {
            provider: Some(provider),
            send_access_token: flag,
            ..Wanted::default()
        })
        .send_access_token
    };
    assert!(send("https://gitlab.com,other", None));
    assert!(!send("https://gitlab.com,other", Some(false)));
    assert!(!send("https://x.example.com,c", None));
    assert!(send("https://x.example.com,c", Some(true)));
}

#[test]
fn an_issuer_outside_of_the_configuration_is_warned_about() {
    let config = config(CONFIG);
    let warning = |provider| {
        let choice = choose(
            &Wanted {
                provider: Some(provider),
                ..Wanted::default()
            },
            &config,
        );
        unknown_issuer_warning(&choice.expect("valid"), &config)
    };
    assert_eq!(
        warning("https://x.example.com,c").as_deref(),
        Some("Warning: could not find issuer https://x.example.com in client config providers")
    );
    assert_eq!(warning("https://gitlab.com,c"), None);
}

#[test]
fn the_remote_redirect_uri_can_be_overridden() {
    let provider = one(Wanted {
        remote_redirect_uri: Some("https://r/cb"),
        ..Wanted::default()
    });
    assert_eq!(
        provider.remote_redirect_uri.as_deref(),
        Some("https://r/cb")
    );
}
