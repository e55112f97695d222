use super::*;

fn network(pairs: &[(&str, &str)], environment: &[(&str, &str)]) -> Network {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    };
    let environment = map(environment);
    Network::new(&map(pairs), |name| environment.get(name).cloned()).unwrap()
}

fn proxy(network: &Network, url: &str) -> Option<String> {
    let proxy = network.proxy_for(&Url::parse(url).unwrap())?;
    Some(format!("{}:{}", proxy.host(), proxy.port()))
}

#[test]
fn the_configuration_wins_over_the_environment() {
    let both = network(
        &[("https_proxy", "http://a:1")],
        &[("HTTPS_PROXY", "http://b:2")],
    );
    assert_eq!(proxy(&both, "https://op.example").unwrap(), "a:1");
    let environment = network(&[], &[("HTTPS_PROXY", "b:2")]);
    assert_eq!(proxy(&environment, "https://op.example").unwrap(), "b:2");
    assert_eq!(proxy(&environment, "http://localhost:3"), None);
    assert_eq!(proxy(&network(&[], &[]), "https://op.example"), None);
}

#[test]
fn what_no_proxy_names_is_asked_without_one() {
    let network = network(
        &[
            ("HTTPS_PROXY", "http://p:1"),
            ("no_proxy", "10.0.0.0/8, a.example"),
        ],
        &[],
    );
    for direct in ["https://10.1.2.3", "https://a.example"] {
        assert_eq!(proxy(&network, direct), None, "{direct}");
    }
    assert!(proxy(&network, "https://11.0.0.1").is_some());
}

#[test]
fn roots_that_cannot_be_read_are_an_error() {
    let none = |_: &str| None;
    for (name, path) in [
        ("SSL_CERT_FILE", "/nonexistent"),
        ("SSL_CERT_FILE", "/etc/passwd"),
        ("SSL_CERT_DIR", "/nonexistent"),
    ] {
        let vars = [(name.to_owned(), path.to_owned())].into();
        assert!(Network::new(&vars, none).is_err(), "{name} {path}");
    }
    let vars = [("HTTPS_PROXY".to_owned(), "::".to_owned())].into();
    assert!(Network::new(&vars, none).is_err());
}

#[test]
fn other_variables_are_named() {
    let vars = [
        ("LANG".to_owned(), "C".to_owned()),
        ("NO_PROXY".to_owned(), "x".to_owned()),
    ];
    assert_eq!(without_effect(&vars.into()).collect::<Vec<_>>(), ["LANG"]);
}
