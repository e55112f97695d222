//! Signatures on this machine: by accounts, added keys and keys of upstream agents.

use opkssh_protocol::audit::{AuditEvent, KeySource, PersonAnswer, QuestionKind};
use opkssh_test_support::{Home, Part, left_out, user_name};

use super::{after_the_end, audit_file, entries, events, host_key, wait_for};
use crate::agent::added_keys::{Agents, blob};
use crate::agent::servers::Server;
use crate::agent::upstreams::in_a_row;
use crate::setup::{OPKSSH, Setup, status};

#[test]
fn a_login_is_noted_with_its_server_user_and_process() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    let server = Server::ours(&setup.provider, "24h");
    setup.knows(&[&server.sshd]);
    setup.login(&[]);
    let ssh = server.plain_ssh(&setup.home).arg("echo in").start();
    let pid = ssh.pid();
    assert_eq!(ssh.wait().stdout(), "in\n");
    // what is no login has no server
    setup.signs_for(&setup.certificate());
    let file = setup.home.dir().join("cert.pub");
    let sign = setup
        .with_agent("ssh-keygen")
        .args(["-Y", "sign", "-n", "git", "-f"]);
    sign.arg(file).stdin("text").run().stdout();
    let key = status(&setup.home)["accounts"][0]["fingerprint"].clone();
    let signed = wait_for(&setup.home, AuditEvent::Signed, 3);
    for entry in &signed {
        assert_eq!(entry.account.as_deref(), Some("test"));
        assert_eq!(entry.source, Some(KeySource::Account));
        assert_eq!(entry.key.as_deref(), key.as_str());
        assert!(!entry.forwarded && entry.via.is_empty());
    }
    let programs = signed.iter().map(|entry| {
        let process = entry.process.as_ref().unwrap();
        process.program.as_deref().unwrap()
    });
    assert_eq!(
        programs.collect::<Vec<_>>(),
        ["ssh", "ssh-add", "ssh-keygen"]
    );
    let [login, test, file] = &signed[..] else {
        panic!("{signed:?}");
    };
    assert_eq!(login.process.as_ref().unwrap().pid, pid);
    assert_eq!(login.user, Some(user_name()));
    let destination = login.destination.as_ref().unwrap();
    assert_eq!(destination.host_key, host_key(&server.sshd));
    assert_eq!(
        destination.names.join(","),
        server.sshd.known_hosts_line().split(' ').next().unwrap()
    );
    assert!(!destination.unproved);
    for other in [test, file] {
        assert_eq!((&other.user, &other.destination), (&None, &None));
    }
    assert_eq!(
        (&test.namespace, &file.namespace),
        (&None, &Some("git".to_owned()))
    );
}

#[test]
fn a_hashed_name_is_noted_where_the_account_names_the_server() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    for (hosts, names) in [("hosts: [localhost]", 1), ("hosts: [\"*\"]", 0)] {
        let setup = Setup::with(Default::default(), &[hosts]);
        let server = Server::ours(&setup.provider, "24h");
        let name = format!("[localhost]:{}", server.sshd.port());
        setup.home.write(
            ".ssh/known_hosts",
            format!("localhost,{name} {}\n", server.sshd.host_key()),
        );
        let known_hosts = setup.home.dir().join(".ssh/known_hosts");
        let hashed = setup.home.command("ssh-keygen").args(["-H", "-f"]);
        hashed.arg(&known_hosts).run().stdout();
        setup.login(&[]);
        let _ = server.plain_ssh(&setup.home).arg("true").run();
        // a pattern matches no hash, so such an account is not even listed
        let signed = match names {
            0 => after_the_end(&setup.home),
            _ => wait_for(&setup.home, AuditEvent::Signed, 1),
        };
        let signed: Vec<_> = signed
            .iter()
            .filter(|it| it.event == AuditEvent::Signed)
            .collect();
        assert_eq!(signed.len(), names);
        for entry in signed {
            assert_eq!(entry.destination.as_ref().unwrap().names, ["localhost"]);
        }
    }
}

#[test]
fn a_key_from_ssh_add_is_noted_with_the_question_about_it() {
    for (answer, said) in [
        ("/bin/true", PersonAnswer::Yes),
        ("/bin/false", PersonAnswer::No),
    ] {
        let home = Home::new(OPKSSH);
        home.set("SSH_ASKPASS", answer);
        home.set("SSH_ASKPASS_REQUIRE", "force");
        let agents = Agents::start_in(home, &[]);
        for name in ["plain", "asks"] {
            agents.keygen(name, "ed25519", "256");
        }
        let ours = agents.ours();
        ours.ssh_add(&["plain"]);
        ours.ssh_add(&["-c", "asks"]);
        for name in ["plain.pub", "asks.pub"] {
            ours.sign(&blob(&agents.home, name), b"data", 0);
        }
        let found = after_the_end(&agents.home);
        let is_yes = said == PersonAnswer::Yes;
        let last = if is_yes {
            AuditEvent::Signed
        } else {
            AuditEvent::SignatureRefused
        };
        let expected = [
            AuditEvent::Signed,
            AuditEvent::Asked,
            AuditEvent::Answered,
            last,
        ];
        assert_eq!(events(&found), expected);
        for (entry, name) in found.iter().zip(["plain", "asks", "asks", "asks"]) {
            assert_eq!(entry.source, Some(KeySource::SshAdd));
            assert_eq!(entry.comment.as_deref(), Some(name));
            let shown = agents.home.command("ssh-keygen").args(["-l", "-f", name]);
            let shown = shown.run().stdout();
            assert_eq!(entry.key.as_deref(), shown.split(' ').nth(1));
            assert_eq!(entry.process.as_ref().unwrap().pid, std::process::id());
        }
        for question in &found[1..3] {
            assert_eq!(question.question, Some(QuestionKind::KeyUse));
        }
        assert_eq!(found[2].answer, Some(said));
        let why = found[3].reason.as_deref();
        assert_eq!(why, (!is_yes).then_some("the answer was no"));
    }
}

#[test]
fn a_question_that_nobody_could_be_asked_is_noted() {
    let agents = Agents::start();
    agents.keygen("key", "ed25519", "256");
    agents.ours().ssh_add(&["-c", "key"]);
    agents
        .ours()
        .sign(&blob(&agents.home, "key.pub"), b"data", 0);
    let found = after_the_end(&agents.home);
    assert_eq!(found[1].answer, Some(PersonAnswer::NotAsked));
    let why = found[1].reason.as_deref().unwrap_or_default();
    assert!(why.contains("no display to ask on"), "{why}");
    assert_eq!(found[2].event, AuditEvent::SignatureRefused);
}

#[test]
fn a_key_of_another_agent_is_noted_as_its() {
    let agents = in_a_row();
    agents.keygen("theirs", "ed25519", "256");
    agents.theirs().ssh_add(&["theirs"]);
    let public = blob(&agents.home, "theirs.pub");
    assert_eq!(agents.ours().sign(&public, b"data", 0)[0], 14);
    let signed = wait_for(&agents.home, AuditEvent::Signed, 1);
    assert_eq!(signed[0].source, Some(KeySource::Upstream));
    assert_eq!(signed[0].comment.as_deref(), Some("theirs"));
    // a key that nobody has is asked for all the time, and no refusal
    agents.keygen("nobody's", "ed25519", "256");
    let public = blob(&agents.home, "nobody's.pub");
    assert_eq!(agents.ours().sign(&public, b"data", 0), [5]);
    after_the_end(&agents.home);
    assert_eq!(entries(&agents.home).len(), 1);
}

#[test]
fn a_separate_agent_writes_nothing_down() {
    let home = Home::new(OPKSSH);
    let script = format!(
        "ssh-keygen -q -t ed25519 -N '' -f key\n\
         eval \"$('{OPKSSH}' agent start -s --socket \"$TMPDIR/own.sock\")\"\n\
         ssh-add -q key && ssh-add -T key.pub && echo signed\n\
         '{OPKSSH}' agent stop --socket \"$TMPDIR/own.sock\""
    );
    let said = home.command("sh").args(["-c", &script]).run();
    assert!(said.any_stdout().contains("signed\n"), "{}", said.stderr());
    assert!(!audit_file(&home).exists());
    let none = home.opkssh(["log"]).run();
    assert!(none.stderr().starts_with("No entries in "));
}
