//! `opkssh login` into the agent, at the provider from npm: what it says, what is then in the
//! agent, and how the browser is opened.

mod provider;
mod waiting;

use opkssh_test_support::{Home, Part, left_out};

use crate::setup::{Setup, status};

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
    assert!(
        said.contains("In the agent as \"test\", usable until 20"),
        "{said}"
    );
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
    assert!(
        !shown.contains("openpubkey-act"),
        "no access token unless asked for"
    );

    // the private key is really there: OpenSSH has the agent sign and verifies it
    setup.signs_for(&certificate);
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
    setup.signs_for(&certificate);

    let refused = setup.home.opkssh(["login", "-t", "rsa"]).run().refused();
    assert!(
        refused.contains("invalid argument \"rsa\" for \"-t, --key-type\" flag"),
        "{refused}"
    );
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
    for claim in [
        "\"sub\": \"alice\"",
        "\"email\": \"alice@example.com\"",
        "\"nonce\": \"",
    ] {
        assert!(claims.contains(claim), "no {claim} in {claims}");
    }
    // the same as `opkssh inspect` of the same certificate
    let line = setup.certificate();
    let words: Vec<&str> = line.split(' ').take(2).collect();
    let inspected = setup
        .home
        .opkssh(["inspect", &words.join(" ")])
        .run()
        .stdout();
    assert!(inspected.contains("opkssh-wildcard"), "{inspected}");
    assert!(
        said.ends_with(&inspected),
        "said:\n{said}\ninspect:\n{inspected}"
    );

    let again = setup.login(&["-v"]);
    assert!(
        again.contains("opkssh-wildcard"),
        "-v shows the certificate, too: {again}"
    );
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
    // the line behind it: the URL is whole
    let said = login.wait_for("opkssh login --redirected");
    let (_, url) = said.split_once("Open your browser to: ").expect("the URL");
    let url = url.lines().next().expect("its line");
    assert_eq!(setup.browser.openings(), 0);
    let opened = setup.home.command(setup.browser.launcher()).arg(url).run();
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

/// `ssh-keygen -L` of a certificate.
fn keygen(home: &Home, certificate: &str) -> String {
    let keygen = home.command("ssh-keygen").args(["-L", "-f", "-"]);
    keygen.stdin(certificate).run().stdout()
}
