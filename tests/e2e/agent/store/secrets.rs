//! After a login into the agent, no private key and no token is in any file, in clear.

use std::fs;
use std::path::{Path, PathBuf};

use opkssh_test_support::{Part, SecretService, left_out, wait_until};

use serde_json::Value;

use super::stored;
use crate::setup::{Setup, daemon_log, daemon_pid};

#[test]
fn no_file_holds_a_key_or_a_token() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    // as talkative as it gets
    setup.home.set(
        "OPKSSH_LOG",
        "trace,opkssh_agent=trace,opkssh_protocol=trace",
    );
    setup.login(&["--log-dir", "."]);
    setup.browser.wait_for(1);
    setup.home.opkssh(["check"]).run().stdout();

    let record = stored(&setup.home).expect("the record in the keyring");
    let mut secrets = secrets_of(&record);
    let certificate = setup.certificate();
    secrets.extend(certificate.split(' ').nth(1).map(str::to_owned));
    assert!(secrets.len() >= 6, "too few secrets to look for");

    let root = setup.home.runtime_dir();
    let root = root.parent().expect("the test's own directory");
    let files = files_below(root);
    let looked_at = |name: &str| files.iter().any(|file| file.ends_with(name));
    for name in ["agent.log", "accounts.json", "login.keyring", "opkssh.log"] {
        assert!(looked_at(name), "{name} is not among {files:?}");
    }
    for file in files {
        let bytes = fs::read(&file).expect("a readable file");
        for secret in &secrets {
            assert!(
                !contains(&bytes, secret.as_bytes()),
                "{} holds {}…",
                file.display(),
                &secret[..11]
            );
        }
    }
    assert!(
        daemon_log(&setup.home).contains("agent is ready"),
        "that was the log"
    );

    let pid = daemon_pid(&setup.home);
    for name in ["cmdline", "environ"] {
        // of a process that is not dumpable, only root can read the environment
        let Ok(bytes) = fs::read(format!("/proc/{pid}/{name}")) else {
            continue;
        };
        let found = secrets
            .iter()
            .any(|secret| contains(&bytes, secret.as_bytes()));
        assert!(!found, "the daemon's {name} holds a secret");
    }
}

#[test]
fn a_logout_leaves_no_trace_of_the_account_but_its_configuration() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    setup.home.opkssh(["logout", "--all"]).run().stdout();
    let found = || {
        let found = setup.home.command("secret-tool");
        let found = found
            .args(["search", "--all", "service", "opkssh-agent"])
            .run();
        found.any_stdout()
    };
    wait_until("the keyring is empty", || found().is_empty().then_some(()));
}

/// What must be nowhere in clear.
pub fn secrets_of(record: &Value) -> Vec<String> {
    let text = |name: &str| record[name].as_str().expect("a text").to_owned();
    let pk_token = text("pk_token");
    let user_key = text("user_key");
    let (_, seed) = user_key.split_once(':').expect("kind and seed");
    let mut secrets = vec![seed.to_owned(), text("refresh_token"), pk_token.clone()];
    // the ID token is in the PK token: its payload and its signature are long enough to be unique
    let parts = pk_token.split([':', '.']).filter(|part| part.len() > 60);
    secrets.extend(parts.map(str::to_owned));
    secrets.push("PRIVATE KEY".to_owned());
    secrets
}

pub fn contains(bytes: &[u8], secret: &[u8]) -> bool {
    bytes.windows(secret.len()).any(|window| window == secret)
}

/// Regular files; sockets hold nothing.
pub fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let kind = entry.file_type().expect("its kind");
        if kind.is_dir() {
            files.extend(files_below(&entry.path()));
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    files
}
