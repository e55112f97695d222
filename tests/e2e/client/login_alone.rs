//! `opkssh login` where nobody may be there, and what is said before anybody goes to a browser.

use opkssh_test_support::{BrowserMode, Part, SecretService, left_out, wait_until};

use crate::setup::{Setup, entry, status, write_config};

#[test]
fn without_terminal_browser_and_display_it_ends_at_once() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.home.unset("BROWSER");
    let issuer = setup.provider.issuer();
    for args in [&["login"][..], &["login", "test"], &["login", "-i", "key"]] {
        let said = setup.home.opkssh(args).run();
        assert_eq!(said.any_stdout(), "", "{args:?}");
        let said = said.refused();
        let words = format!(
            "Error: cannot log in at {issuer}: there is no terminal, browser or display here\n"
        );
        assert!(said.starts_with(&words), "{said}");
        assert!(said.contains("opkssh login --device"), "{said}");
        let agent_only = "opkssh login --redirected";
        assert_eq!(said.contains(agent_only), !args.contains(&"-i"), "{said}");
    }
    assert_eq!(setup.provider.authorizations(), 0);

    // what it names works
    setup.browser.behave("alice", BrowserMode::Elsewhere);
    let named = ["login", "--disable-browser-open", "test"];
    let mut login = setup.home.opkssh(named).start();
    let said = login.wait_for("opkssh login --redirected");
    let (_, url) = said.split_once("Open your browser to: ").expect("the URL");
    let url = url.lines().next().expect("its line");
    let elsewhere = setup.home.command(setup.browser.launcher()).arg(url);
    elsewhere.run().stdout();
    let ended = setup.browser.wait_for(1).final_url + "\n";
    let bring = setup.home.opkssh(["login", "--redirected"]).stdin(ended);
    bring.run().stdout();
    login.wait().stdout();
    assert_eq!(status(&setup.home)["accounts"][0]["state"], "usable");
}

#[test]
fn a_key_of_somebody_s_is_not_overwritten() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let key = setup.home.dir().join("key");
    let name = key.to_str().unwrap();
    std::fs::write(&key, "somebody's key\n").unwrap();
    let refused = setup.home.opkssh(["login", "-i", name]).run().refused();
    let words = format!("Error: {name} holds something that opkssh did not write\n");
    assert!(refused.starts_with(&words), "{refused}");
    assert!(
        refused.contains(&format!("mv {name} {name}.old")),
        "{refused}"
    );
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "somebody's key\n");
    assert_eq!(setup.browser.openings(), 0);
    // a file that a script made, and a login's own
    std::fs::write(&key, "").unwrap();
    for _ in 0..2 {
        setup.home.opkssh(["login", "-i", name]).run().stdout();
    }
}

#[test]
fn it_waits_as_long_as_it_is_told_to() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    for args in [&[][..], &["-i", "key"]] {
        let login = ["login", "--disable-browser-open", "--timeout", "2s"];
        let refused = setup.home.opkssh(login.iter().chain(args)).run().refused();
        assert!(
            refused.contains("nobody finished the login within 2 seconds"),
            "{refused}"
        );
        assert!(
            refused.contains("log in again: opkssh login test"),
            "{refused}"
        );
    }
    // and it is over in the agent, too
    setup.login(&[]);
}

#[test]
fn a_browser_command_that_fails_is_said_and_the_next_one_is_tried() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let launcher = setup.browser.launcher().display().to_string();
    // as an xdg-open without a desktop: it starts, and fails
    setup.home.set("BROWSER", "/bin/false");
    let mut login = setup.home.opkssh(["login"]).start();
    login.wait_for("The browser command failed: open this address yourself.");
    let said = login.wait_for("opkssh login --redirected");
    let url = said
        .lines()
        .find_map(|line| line.strip_prefix("Opening browser to "));
    let url = url.expect("the URL").to_owned();
    assert!(!login.has_ended());
    let opened = setup.home.command(&launcher).arg(url).run();
    opened.stdout();
    login.wait().stdout();

    setup
        .home
        .set("BROWSER", format!("/nonexistent:/bin/false:{launcher}"));
    let said = setup.home.opkssh(["login"]).run();
    assert!(said.success());
    assert!(
        !said.stderr().contains("browser command failed"),
        "{}",
        said.stderr()
    );
}

#[test]
fn a_key_file_that_cannot_be_written_opens_no_browser() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.home.write("file", "");
    std::fs::create_dir(setup.home.dir().join("directory")).unwrap();
    for target in ["nowhere/key", "file/key", "directory"] {
        let refused = setup.home.opkssh(["login", "-i", target]).run().refused();
        assert!(
            refused.contains(&format!("cannot write {target}")),
            "{refused}"
        );
        assert!(refused.contains("opkssh login -i FILE"), "{refused}");
    }
    // no directory can be made where a file is
    setup.home.write(".ssh", "");
    let refused = setup.home.opkssh(["login", "--files"]).run().refused();
    assert!(refused.contains(".ssh"), "{refused}");
    assert_eq!(setup.provider.authorizations(), 0);
    assert_eq!(setup.browser.openings(), 0);
}

#[test]
fn a_home_that_takes_no_file_opens_no_browser() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.home.opkssh(["agent", "start"]).run().stdout();
    let index = setup.home.dir().join(".local/state/opkssh/accounts.json");
    std::fs::create_dir(&index).unwrap();
    let refused = setup.home.opkssh(["login"]).run().refused();
    assert!(refused.contains("accounts.json"), "{refused}");
    let hint = "free space, or make it writable";
    assert!(refused.contains(hint), "{refused}");
    assert_eq!(setup.browser.openings(), 0);
    std::fs::remove_dir(&index).unwrap();
    setup.login(&[]);
}

#[test]
fn a_locked_keyring_opens_no_browser() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let keyring = SecretService::start(&setup.home);
    keyring.lock();
    let refused = setup.home.opkssh(["login"]).run().refused();
    assert!(refused.contains("the keyring is locked"), "{refused}");
    assert!(
        refused.contains("unlock the keyring and log in again"),
        "{refused}"
    );
    assert_eq!(setup.browser.openings(), 0);
    keyring.unlock();
    wait_until("the login works", || {
        setup.home.opkssh(["login"]).run().success().then_some(())
    });
    assert_eq!(
        status(&setup.home)["accounts"][0]["store"],
        "secret-service"
    );
}

#[test]
fn a_configuration_error_names_file_line_key_and_what_is_expected() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let file = setup.home.dir().join(".opk/config.yml");
    let expected = [
        (
            "hosts: db.example.com",
            "hosts must be a list, e.g. [\"*.example.com\"]",
        ),
        ("prompt: [login]", "prompt must be a text, e.g. consent"),
        (
            "send_access_token: 5",
            "send_access_token must be true or false",
        ),
        ("expiration: 5h", "expiration: \"5h\" is none of 12h, 24h,"),
    ];
    for (line, words) in expected {
        let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
        write_config(&setup.home, &[entry("test", issuer, client, &[line])]);
        let text = std::fs::read_to_string(&file).unwrap();
        let number = 1 + text.lines().position(|it| it.trim() == line).unwrap();
        let refused = setup.home.opkssh(["login"]).run().refused();
        let words = format!(
            "failed to parse config file: {}:{number}: {words}",
            file.display()
        );
        assert!(refused.contains(&words), "{refused}");
    }
}

#[test]
fn create_config_leaves_the_configuration_that_counts_in_force() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let go = setup.home.dir().join(".opk/config.yml");
    let text = std::fs::read(&go).unwrap();
    std::fs::remove_file(&go).unwrap();
    let ours = setup.home.write(".config/opkssh/config.yml", text);
    let said = setup.login(&["--create-config"]);
    let words = format!("The client config file {} exists\n", ours.display());
    assert!(said.starts_with(&words), "{said}");
    assert!(said.contains("In the agent as \"test\""), "{said}");
    assert!(!go.exists());

    std::fs::remove_file(&ours).unwrap();
    let list = ["client", "provider", "list"];
    let refused = setup.home.opkssh(list).run().refused();
    let words = format!(
        "Unable to load providers. failed to read config file: {}: there is none",
        go.display()
    );
    assert!(refused.contains(&words), "{refused}");
    assert!(
        refused.contains(
            "google, azure, gitlab, hello; write them to it: opkssh login --create-config"
        ),
        "{refused}"
    );
    setup
        .home
        .opkssh(["login", "--create-config"])
        .run()
        .stdout();
    assert!(go.exists());
    let said = setup.home.opkssh(list).run().stdout();
    assert!(said.contains("google "), "{said}");
}
