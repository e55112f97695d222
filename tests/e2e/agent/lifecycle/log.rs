//! The log: where it goes, how much is written, and what never is.

use std::fs;

use opkssh_test_support::{
    Client, Home, Part, ProviderOptions, SecretService, left_out, wait_until,
};

use crate::agent::store::stored;
use crate::setup::{OPKSSH, Setup, daemon_log, daemon_pid};

#[test]
fn nothing_secret_is_written_however_talkative_it_shall_be() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let client_secret = "client-secret-5d1c7a90e2b84f36";
    let options = ProviderOptions {
        clients: vec![Client::secret(
            "confidential",
            client_secret,
            "client_secret_post",
        )],
        id_token_ttl: 14,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &["expiration: oidc", "send_access_token: true"]);
    let _keyring = SecretService::start(&setup.home);
    let everything = "trace,hyper=trace,\
                      hyper_util=trace,reqwest=trace,rustls=trace,zbus=trace,\
                      zbus::connection=trace,openidconnect=trace,oauth2=trace,log=trace";
    setup.home.set("OPKSSH_LOG", everything);
    setup.login(&[]);
    let first = stored(&setup.home).expect("a record");
    setup.signs_for(&setup.certificate());
    let refreshes = || setup.provider.granted("refresh_token");
    let before = refreshes();
    wait_until("it is renewed", || (refreshes() > before).then_some(()));
    let second = wait_until("the renewal is stored", || {
        stored(&setup.home).filter(|record| record["pk_token"] != first["pk_token"])
    });
    setup.home.opkssh(["check"]).run().stdout();
    let pid = daemon_pid(&setup.home);
    let of_process = ["cmdline", "environ"].map(|name| {
        // of a process that is not dumpable, only root can read the environment
        fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default()
    });
    setup.home.opkssh(["logout", "--all"]).run().stdout();
    setup.home.opkssh(["agent", "stop"]).run().stdout();

    let log = daemon_log(&setup.home);
    assert!(
        log.contains("agent is ready") && log.contains("renewed"),
        "{log}"
    );
    let mut secrets = vec![client_secret.to_owned()];
    for record in [&first, &second] {
        let text = |name: &str| record[name].as_str().expect("a text").to_owned();
        secrets.extend([text("refresh_token"), text("access_token")]);
        secrets.extend(text("user_key").split(':').nth(1).map(str::to_owned));
    }
    // any token's first letters, parameters of any request, any key file
    let shapes = [
        "eyJ",
        "code=",
        "code_verifier",
        "client_secret=",
        "refresh_token=",
        "PRIVATE",
    ];
    secrets.extend(shapes.map(str::to_owned));
    for secret in &secrets {
        assert!(
            !log.contains(secret.as_str()),
            "the log holds {secret}:\n{log}"
        );
        for text in &of_process {
            let text = String::from_utf8_lossy(text);
            assert!(
                !text.contains(secret.as_str()),
                "the process shows {secret}"
            );
        }
    }
}

#[test]
fn the_journal_gets_priorities_and_nobody_else_does() {
    let home = Home::new(OPKSSH);
    let run = |journal: &str| {
        let script = format!("JOURNAL_STREAM={journal} exec {OPKSSH} agent run");
        let mut daemon = home.command("sh").args(["-c", &script]).start();
        daemon.wait_for("agent is ready");
        home.opkssh(["agent", "stop"]).run().stdout();
        daemon.wait().stderr()
    };
    // systemd names the stream by device and inode
    let log = run("$(stat -L -c %d:%i /proc/self/fd/2)");
    assert!(log.contains("agent is ready"), "{log}");
    for line in log.lines() {
        assert!(line.starts_with("<6>") || line.starts_with("<4>"), "{line}");
    }
    // inherited from somebody else
    let log = run("1:1");
    assert!(!log.contains('<'), "{log}");
}

#[test]
fn the_level_counts_and_the_environment_counts_for_more() {
    let home = Home::new(OPKSSH);
    let lines = |level: &str| {
        let start = ["agent", "start", "--log-level", level];
        home.opkssh(start).run().stdout();
        home.opkssh(["agent", "stop"]).run().stdout();
        let log = daemon_log(&home);
        let _ = fs::remove_file(home.dir().join(".local/state/opkssh/agent.log"));
        log
    };
    assert_eq!(lines("error"), "");
    assert!(lines("info").contains("agent is ready"));
    home.set("OPKSSH_LOG", "error");
    assert_eq!(lines("trace"), "");
}

#[test]
fn a_log_that_has_become_long_is_put_aside() {
    let home = Home::new(OPKSSH);
    let file = |name: &str| home.dir().join(".local/state/opkssh").join(name);
    home.opkssh(["agent", "start"]).run().stdout();
    home.opkssh(["agent", "stop"]).run().stdout();
    fs::write(file("agent.log"), vec![b'\n'; 1024 * 1024 + 1]).unwrap();
    home.opkssh(["agent", "start"]).run().stdout();
    let old = fs::metadata(file("agent.log.old")).unwrap();
    assert_eq!(old.len(), 1024 * 1024 + 1);
    let log = daemon_log(&home);
    assert!(log.contains("agent is ready") && log.len() < 4096, "{log}");
}
