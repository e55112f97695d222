//! Without an agent, or without ssh.

use opkssh_test_support::{Home, Part, left_out, wait_until};

use super::{Servers, status};
use crate::setup::{OPKSSH, Setup, agent_socket, daemon_pid};

#[test]
fn nothing_is_started_renewed_or_asked_not_even_by_match_exec() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    let servers = Servers::new(&setup.home, &["web"], &["web"]);
    servers.configure(&format!(
        "Match exec \"touch {}; {OPKSSH} ensure --host %n\"\n",
        setup.home.dir().join("executed").display()
    ));
    let said = status(&setup.home, "web");
    assert_eq!(said.code(), Some(1));
    let json: serde_json::Value = serde_json::from_str(&said.any_stdout()).unwrap();
    assert_eq!(json["offered"], serde_json::Value::Null);
    assert_eq!(json["hint"], "start it: opkssh agent start");
    assert!(setup.home.dir().join("executed").exists());
    assert!(!setup.home.runtime_dir().join("opkssh/agent.pid").exists());
    assert_eq!(setup.browser.openings(), 0);
}

#[test]
fn without_ssh_the_name_is_taken_as_typed_and_the_page_says_so() {
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start", "--store", "memory"])
        .run()
        .stdout();
    let page = home.opkssh(["status", "--host", "me@[web]:2222"]);
    let page = page.env("PATH", "/nonexistent").run();
    assert_eq!(page.code(), Some(1));
    assert_eq!(
        page.any_stdout(),
        "[web]:2222 would see no identity: the agent has none\n\
         ssh -G did not answer: the name is used as typed\n\
         known_hosts has no key for it\n"
    );
}

#[test]
fn an_agent_that_hangs_is_no_answer() {
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start", "--store", "memory"])
        .run()
        .stdout();
    let pid = daemon_pid(&home).to_string();
    let signal = |signal: &str| home.command("kill").arg(signal).arg(&pid).run().stdout();
    signal("-STOP");
    let said = status(&home, "web");
    signal("-CONT");
    let error = said.inconclusive();
    assert!(error.contains("hint: "), "{error}");
    wait_until("an answer", || {
        (status(&home, "web").code() == Some(1)).then_some(())
    });
}

#[test]
fn where_plain_ssh_asks_another_agent_or_offers_files_only_it_says_so() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start", "--store", "memory"])
        .run()
        .stdout();
    let servers = Servers::new(&home, &["web"], &["web"]);
    let ours = agent_socket(&home);
    let link = home.dir().join("link.sock");
    std::os::unix::fs::symlink(&ours, &link).unwrap();
    let (ours, link) = (ours.display().to_string(), link.display().to_string());
    let warnings = |config: &str, variable: &str| {
        servers.configure(config);
        let status = home.opkssh(["status", "--json", "--host", "web"]);
        let said = status.env("SSH_AUTH_SOCK", variable).run().any_stdout();
        let json: serde_json::Value = serde_json::from_str(&said).unwrap();
        let warnings = json["warnings"].as_array().unwrap().iter();
        let texts = warnings.map(|it| it.as_str().unwrap_or_default().to_owned());
        texts.collect::<Vec<_>>()
    };
    for ours in [&ours, &link] {
        assert_eq!(warnings("", ours), [""; 0]);
        assert_eq!(
            warnings(&format!("IdentityAgent {ours}\n"), "/other"),
            [""; 0]
        );
    }
    let other = |by: &str| format!("plain ssh asks another agent: {by} names /other");
    assert_eq!(warnings("", "/other"), [other("SSH_AUTH_SOCK")]);
    let configured = "IdentityAgent /other\nIdentitiesOnly yes\n";
    let only = "plain ssh offers only keys that IdentityFile names: IdentitiesOnly";
    assert_eq!(
        warnings(configured, &ours),
        [other("IdentityAgent"), only.to_owned()]
    );
    let none = "plain ssh asks no agent: IdentityAgent names none";
    assert_eq!(warnings("IdentityAgent none\n", &ours), [none]);
}

#[test]
fn a_separate_agent_is_asked_by_its_socket() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let home = Home::new(OPKSSH);
    let _servers = Servers::new(&home, &["web"], &["web"]);
    let socket = home.runtime_dir().join("mine.sock");
    let ask = || {
        let status = home.opkssh(["status", "--host", "web", "--socket"]);
        let status = status.arg(&socket).env("SSH_AUTH_SOCK", &socket);
        status.run()
    };
    let not_running = ask();
    assert_eq!(not_running.code(), Some(1));
    let hint = format!("start it: opkssh agent start --socket {}", socket.display());
    assert!(not_running.any_stdout().contains(&hint));
    let start = home.opkssh(["agent", "start", "--socket"]).arg(&socket);
    start.run().stdout();
    let said = ask().any_stdout();
    home.opkssh(["agent", "stop", "--socket"])
        .arg(&socket)
        .run()
        .stdout();
    assert_eq!(said, "web would see no identity: the agent has none\n");
}
