//! `opkssh login` into the agent, at the provider from npm: what it says, what is then in the
//! agent, and which of the many ways to name a provider wins.

mod waiting;

use opkssh_test_support::{BrowserMode, Client, Home, Part, Provider, ProviderOptions, left_out};

use crate::setup::{Setup, entry, status, write_config};

#[test]
fn says_who_until_when_and_how_it_renews_and_always_the_url() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let said = setup.login(&[]);
    let url = format!("Opening browser to {}/auth?", setup.provider.issuer());
    assert!(said.contains(&url), "{said}");
    let who = format!(
        "Email, sub, issuer, audience: \nalice@example.com alice {} opkssh-test\n",
        setup.provider.issuer()
    );
    assert!(said.contains(&who), "{said}");
    assert!(said.contains("In the agent as \"test\", usable until 20"), "{said}");
    assert!(said.contains("(24h); renews by itself."), "{said}");
    assert!(said.contains("eval \"$(opkssh agent env)\""), "{said}");

    let shown = setup.browser.wait_for(1);
    assert_eq!(shown.status, 200);
    assert!(shown.text.contains("alice@example.com"), "{}", shown.text);
    assert!(shown.text.contains("close this window"), "{}", shown.text);
    assert_eq!(setup.browser.openings(), 1);
}

#[test]
fn the_agent_lists_the_certificate_and_openssh_reads_it() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let list = setup.with_agent("ssh-add").arg("-l").run().stdout();
    let status = status(&setup.home);
    let fingerprint = status["accounts"][0]["fingerprint"].as_str().unwrap();
    assert_eq!(
        list,
        format!("256 {fingerprint} opkssh test alice@example.com (ECDSA-CERT)\n")
    );

    let certificate = setup.certificate();
    assert!(certificate.starts_with("ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA"));
    let shown = keygen(&setup.home, &certificate);
    for words in [
        "Type: ecdsa-sha2-nistp256-cert-v01@openssh.com user certificate",
        "Key ID: \"alice@example.com\"",
        "Principals: \n                opkssh-wildcard\n",
        "Critical Options: (none)",
        "openpubkey-pkt UNKNOWN OPTION: ",
        "permit-X11-forwarding",
        "permit-agent-forwarding",
        "permit-port-forwarding",
        "permit-pty",
        "permit-user-rc",
    ] {
        assert!(shown.contains(words), "no {words:?} in {shown}");
    }
    // finite: strict parsers refuse "forever"
    assert!(shown.contains("Valid: before 20"), "{shown}");
    assert!(!shown.contains("openpubkey-act"), "no access token unless asked for");

    // the private key is really there: OpenSSH has the agent sign and verifies it
    let file = setup.home.write("cert.pub", &certificate);
    let tested = setup.with_agent("ssh-add").arg("-T").arg(file).run();
    assert!(tested.success(), "{}", tested.stderr());
}

#[test]
fn an_ed25519_key_on_request() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&["-t", "ed25519"]);
    let certificate = setup.certificate();
    let shown = keygen(&setup.home, &certificate);
    assert!(
        shown.contains("Type: ssh-ed25519-cert-v01@openssh.com user certificate"),
        "{shown}"
    );
    let file = setup.home.write("cert.pub", &certificate);
    let tested = setup.with_agent("ssh-add").arg("-T").arg(file).run();
    assert!(tested.success(), "{}", tested.stderr());

    let refused = setup.home.opkssh(["login", "-t", "rsa"]).run().refused();
    assert!(refused.contains("invalid argument \"rsa\" for \"-t, --key-type\" flag"), "{refused}");
    assert_eq!(setup.browser.openings(), 1, "a wrong word opens no browser");
}

#[test]
fn principals_replace_the_wildcard() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&["--principals", "root,web", "--principals", "db"]);
    let shown = keygen(&setup.home, &setup.certificate());
    let principals: Vec<&str> = shown
        .lines()
        .skip_while(|line| !line.contains("Principals:"))
        .skip(1)
        .take_while(|line| !line.contains("Critical Options"))
        .map(str::trim)
        .collect();
    assert_eq!(principals, ["root", "web", "db"]);
}

#[test]
fn inspect_cert_and_print_id_token_show_what_was_got() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let said = setup.login(&["--inspect-cert", "--print-id-token"]);
    let (_, claims) = said.split_once("id_token:\n").expect("the claims");
    for claim in ["\"sub\": \"alice\"", "\"email\": \"alice@example.com\"", "\"nonce\": \""] {
        assert!(claims.contains(claim), "no {claim} in {claims}");
    }
    // the same as `opkssh inspect` of the same certificate
    let line = setup.certificate();
    let words: Vec<&str> = line.split(' ').take(2).collect();
    let inspected = setup.home.opkssh(["inspect", &words.join(" ")]).run().stdout();
    assert!(inspected.contains("opkssh-wildcard"), "{inspected}");
    assert!(said.ends_with(&inspected), "said:\n{said}\ninspect:\n{inspected}");

    let again = setup.login(&["-v"]);
    assert!(again.contains("opkssh-wildcard"), "-v shows the certificate, too: {again}");
}

#[test]
fn disable_browser_open_prints_the_url_and_the_person_opens_it() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let mut login = setup
        .home
        .opkssh(["login", "--disable-browser-open"])
        .start();
    let said = login.wait_for("&nonce=");
    let (_, url) = said.split_once("Open your browser to: ").expect("the URL");
    assert_eq!(setup.browser.openings(), 0);
    let opened = setup.home.command(setup.browser.launcher()).arg(url.trim()).run();
    opened.stdout();
    login.wait().stdout();
    assert_eq!(status(&setup.home)["accounts"][0]["state"], "usable");
}

#[test]
fn without_any_browser_the_person_is_told_to_open_the_url() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.home.set("BROWSER", "/nonexistent/browser");
    let mut login = setup.home.opkssh(["login"]).start();
    let said = login.wait_for("open this address yourself");
    let url = said
        .lines()
        .find_map(|line| line.strip_prefix("Opening browser to "))
        .expect("the URL");
    let opened = setup.home.command(setup.browser.launcher()).arg(url).run();
    opened.stdout();
    login.wait().stdout();
}

#[test]
fn argument_environment_and_configuration_name_the_provider_in_this_order() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let ids = ["by-config", "by-env-default", "by-argument", "by-env-list", "by-flag"];
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
    let home = Home::new(crate::setup::OPKSSH);
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
fn the_token_endpoint_is_authenticated_to_as_the_client_was_registered() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let clients = [
        Client::public("public-client"),
        Client::secret("post-client", "a-secret-of-the-post-client", "client_secret_post"),
        Client::secret("basic-client", "a-secret-of-the-basic-client", "client_secret_basic"),
    ];
    let setup = Setup::with(
        ProviderOptions {
            clients: clients.to_vec(),
            ..ProviderOptions::default()
        },
        &[],
    );
    let entries: Vec<String> = clients
        .iter()
        .map(|client| entry(&client.id, setup.provider.issuer(), client, &[]))
        .collect();
    write_config(&setup.home, &entries);
    for client in &clients {
        setup.login(&[&client.id]);
    }
    // a logout authenticates, too
    setup.home.opkssh(["logout", "--all"]).run().stdout();

    let log = setup.provider.log();
    for (id, style) in [
        ("public-client", "none"),
        ("post-client", "post"),
        ("basic-client", "basic"),
    ] {
        let requests: Vec<_> = log
            .iter()
            .filter(|seen| seen.path.starts_with("/token") && seen.client_id == id)
            .collect();
        let granted: Vec<_> = requests.iter().filter(|seen| seen.status == 200).collect();
        // code, first refresh, revocation
        assert!(granted.len() >= 3, "{id}: {requests:?}");
        assert!(granted.iter().all(|seen| seen.auth_style == style), "{id}: {requests:?}");
    }
    // some providers burn the code when a public client sends an empty Basic password
    let public = log.iter().filter(|seen| seen.client_id == "public-client");
    assert!(public.clone().all(|seen| seen.auth_style == "none"), "{log:?}");
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

/// `ssh-keygen -L` of a certificate.
fn keygen(home: &Home, certificate: &str) -> String {
    let keygen = home.command("ssh-keygen").args(["-L", "-f", "-"]);
    keygen.stdin(certificate).run().stdout()
}
