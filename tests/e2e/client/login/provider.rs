//! Which provider a login goes to, how the client authenticates there, and what it may sign with.

use opkssh_test_support::{BrowserMode, Client, Home, Part, ProviderOptions, Seen, left_out};

use crate::setup::{OPKSSH, Setup, entry, write_config};

#[test]
fn argument_environment_and_configuration_name_the_provider_in_this_order() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let ids = [
        "by-config",
        "by-env-default",
        "by-argument",
        "by-env-list",
        "by-flag",
    ];
    let options = ProviderOptions {
        clients: ids.map(Client::public).to_vec(),
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &[]);
    let issuer = setup.provider.issuer().to_owned();
    let entries: Vec<String> = [("one also-one", 0), ("two", 1), ("three", 2)]
        .into_iter()
        .map(|(alias, client)| entry(alias, &issuer, &Client::public(ids[client]), &[]))
        .collect();
    let file = write_config(&setup.home, &entries);
    let text = std::fs::read_to_string(&file).unwrap();
    setup.home.write(
        ".opk/config.yml",
        text.replacen("default_provider: one also-one", "default_provider: one", 1),
    );
    setup.browser.behave("alice", BrowserMode::Deny);

    // whether the login succeeds does not matter here: the URL says whose client was asked
    let asked_for = |args: &[&str], env: &[(&str, &str)]| {
        let mut run = setup.home.opkssh(["login"].iter().chain(args));
        for (name, value) in env {
            run = run.env(name, value);
        }
        let output = run.run();
        output.refused();
        let said = output.any_stdout();
        let (_, rest) = said.split_once("client_id=").expect("a URL");
        rest.split('&').next().unwrap().to_owned()
    };
    let default = [("OPKSSH_DEFAULT", "two")];
    assert_eq!(asked_for(&[], &[]), "by-config");
    assert_eq!(asked_for(&["also-one"], &[]), "by-config");
    assert_eq!(asked_for(&[], &default), "by-env-default");
    assert_eq!(asked_for(&["three"], &default), "by-argument");
    let list = format!("four,{issuer},by-env-list,,openid email;two,{issuer},by-argument");
    let both = [("OPKSSH_DEFAULT", "four"), ("OPKSSH_PROVIDERS", &list)];
    assert_eq!(asked_for(&[], &both), "by-env-list");
    // the list from the environment replaces the one of the file
    assert_eq!(asked_for(&["two"], &both), "by-argument");
    let flag = format!("{issuer},by-flag");
    assert_eq!(asked_for(&["--provider", &flag], &both), "by-flag");
}

#[test]
fn an_unknown_alias_is_refused_with_the_known_ones() {
    let home = Home::new(OPKSSH);
    let client = Client::public("id");
    let entries = [
        entry("work", "https://id.example.com", &client, &[]),
        entry("play", "https://id.example.org", &client, &[]),
    ];
    write_config(&home, &entries);
    let refused = home.opkssh(["login", "Work"]).run().refused();
    assert!(
        refused.contains("error getting provider config for alias Work"),
        "{refused}"
    );
    assert!(refused.contains("known aliases: work play"), "{refused}");
}

#[test]
fn what_is_mistyped_in_the_configuration_is_answered_with_what_was_meant() {
    let home = Home::new(OPKSSH);
    let refused = |text: &str| {
        home.write(".opk/config.yml", text);
        let said = home.opkssh(["login", "--device"]).run();
        format!("{}{}", said.any_stdout(), said.refused())
    };
    let provider = "providers:\n- {alias: work, issuer: https://id.example.com, client_id: id}\n";
    let said = refused(&format!("default_provider: wrok2\n{provider}"));
    assert!(said.contains("\nhint: known aliases: work; "), "{said}");
    let said = refused(&format!("default_provider: wok\n{provider}"));
    let words = "config for alias wok\nhint: did you mean work? known aliases: work; ";
    assert!(said.contains(words), "{said}");
    let said = refused(&provider.replace("issuer", "isuer"));
    for words in [
        "config.yml:2: unknown key isuer is ignored; did you mean issuer?\n",
        "\nhint: add `issuer:` with the provider's https:// address ",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
    let said = refused("providers:\n  - alias: work\n    alias: play\n");
    let words = "config.yml:3: duplicate mapping key: alias\nhint: correct ";
    assert!(said.contains(words), "{said}");
}

/// Logs in and out with each client; what the token and revocation endpoints saw.
fn seen_by_token_endpoints(options: ProviderOptions) -> Vec<Seen> {
    let clients = options.clients.clone();
    let setup = Setup::with(options, &[]);
    let entries: Vec<String> = clients
        .iter()
        .map(|client| entry(&client.id, setup.provider.issuer(), client, &[]))
        .collect();
    write_config(&setup.home, &entries);
    for client in &clients {
        setup.login(&[&client.id]);
    }
    let said = setup.home.opkssh(["logout", "--all"]).run().stdout();
    assert!(!said.contains("not revoked"), "{said}");
    let mut log = setup.provider.log();
    log.retain(|seen| seen.path.starts_with("/token"));
    log
}

/// The ways in which `client` was let in; with code, first refresh and revocation.
fn granted<'a>(log: &'a [Seen], client: &Client) -> Vec<&'a str> {
    let granted = log.iter().filter(|seen| seen.status == 200);
    let of_client = granted.filter(|seen| seen.client_id == client.id);
    of_client.map(|seen| seen.auth_style.as_str()).collect()
}

#[test]
fn a_client_authenticates_as_it_was_registered_where_that_is_insisted_upon() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let [public, post, basic] = clients();
    let log = seen_by_token_endpoints(ProviderOptions {
        clients: vec![public.clone(), post.clone(), basic.clone()],
        strict_client_auth: true,
        ..ProviderOptions::default()
    });
    assert_eq!(granted(&log, &public), ["none"; 3]);
    assert_eq!(granted(&log, &post), ["post"; 3]);
    assert_eq!(granted(&log, &basic), ["basic"; 3]);
    // some providers burn the code when a public client sends an empty Basic password
    let mut of_public = log.iter().filter(|seen| seen.client_id == public.id);
    assert!(of_public.all(|seen| seen.auth_style == "none"), "{log:?}");
    // the provider offers both ways, so the default was tried first for the client with post
    let refused: Vec<_> = log.iter().filter(|seen| seen.status != 200).collect();
    assert_eq!(refused.len(), 3, "{log:?}");
    assert!(refused.iter().all(|seen| seen.auth_style == "basic"));
}

#[test]
fn a_provider_that_offers_one_way_only_is_never_tried_with_another() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let [public, post, basic] = clients();
    let log = seen_by_token_endpoints(ProviderOptions {
        clients: vec![public.clone(), post.clone()],
        client_auth_methods: &["none", "client_secret_post"],
        ..ProviderOptions::default()
    });
    assert_eq!(granted(&log, &public), ["none"; 3]);
    assert_eq!(granted(&log, &post), ["post"; 3]);
    assert_eq!(log.len(), 6, "{log:?}");

    let log = seen_by_token_endpoints(ProviderOptions {
        clients: vec![public, basic.clone()],
        client_auth_methods: &["none", "client_secret_basic"],
        ..ProviderOptions::default()
    });
    assert_eq!(granted(&log, &basic), ["basic"; 3]);
    assert_eq!(log.len(), 6, "{log:?}");
}

fn clients() -> [Client; 3] {
    [
        Client::public("public-client"),
        Client::secret(
            "post-client",
            "secret-of-the-post-client",
            "client_secret_post",
        ),
        Client::secret(
            "basic-client",
            "secret-of-the-basic-client",
            "client_secret_basic",
        ),
    ]
}

fn logs_in_with_id_tokens_signed_by(algorithm: &'static str) {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(
        ProviderOptions {
            id_token_signing_alg: algorithm,
            ..ProviderOptions::default()
        },
        &[],
    );
    let said = setup.login(&["--inspect-cert"]);
    let algorithm = format!("\"alg\": \"{algorithm}\"");
    assert!(said.contains(&algorithm), "no {algorithm} in {said}");
}

#[test]
fn logs_in_with_id_tokens_signed_by_rs256() {
    logs_in_with_id_tokens_signed_by("RS256");
}

#[test]
fn logs_in_with_id_tokens_signed_by_ps256() {
    logs_in_with_id_tokens_signed_by("PS256");
}

#[test]
fn logs_in_with_id_tokens_signed_by_es256() {
    logs_in_with_id_tokens_signed_by("ES256");
}

#[test]
fn logs_in_with_id_tokens_signed_by_eddsa() {
    logs_in_with_id_tokens_signed_by("EdDSA");
}
