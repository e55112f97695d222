//! The snippet for sessions without systemd, in the shells that read it.

use opkssh_test_support::Home;

use crate::setup::{OPKSSH, agent_socket};

const SNIPPET: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/contrib/profile.d/opkssh-agent.sh"
);

/// What `SSH_AUTH_SOCK` is in `shell` after it has read the snippet.
fn socket_in(home: &Home, shell: &[&str], variables: &[(&str, &str)]) -> String {
    let script = format!("set -eu; . {SNIPPET}; echo \"${{SSH_AUTH_SOCK-none}}\"");
    let mut run = home.command(shell[0]).args(&shell[1..]);
    for (name, value) in variables {
        run = run.env(name, value);
    }
    let output = run.args(["-c", &script]).run();
    assert_eq!(output.stderr(), "");
    output.stdout().trim_end().to_owned()
}

#[test]
fn it_names_our_socket_and_shadows_no_other_agent() {
    for shell in [&["dash"][..], &["bash"], &["bash", "--posix"]] {
        let home = Home::new(OPKSSH);
        let ours = agent_socket(&home).display().to_string();
        assert_eq!(socket_in(&home, shell, &[]), ours, "{shell:?}");
        for other in [
            ("SSH_AUTH_SOCK", "/run/user/1000/keyring/ssh"),
            ("SSH_AUTH_SOCK", "/tmp/ssh-XXXX/agent.1"),
        ] {
            assert_eq!(socket_in(&home, shell, &[other]), other.1, "{shell:?}");
        }
        // somebody came here without an agent: there is none to be used here
        let remote = ("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22");
        assert_eq!(socket_in(&home, shell, &[remote]), "none", "{shell:?}");
        // without a runtime directory
        let without = [("XDG_RUNTIME_DIR", "")];
        let state = home.dir().join(".local/state/opkssh/run/agent.sock");
        let named = socket_in(&home, shell, &without);
        assert_eq!(named, state.display().to_string(), "{shell:?}");
        // an empty name is no agent
        let empty = [("SSH_AUTH_SOCK", "")];
        assert_eq!(socket_in(&home, shell, &empty), ours, "{shell:?}");
        assert!(!home.runtime_dir().join("opkssh").exists(), "nothing runs");
    }
}

#[test]
fn it_starts_the_agent_where_that_is_wanted() {
    let home = Home::new(OPKSSH);
    let directory = home.dir().join("bin");
    std::fs::create_dir(&directory).unwrap();
    std::os::unix::fs::symlink(OPKSSH, directory.join("opkssh")).unwrap();
    let path = format!("{}:/usr/bin:/bin", directory.display());
    let variables = [("PATH", path.as_str()), ("OPKSSH_AGENT_START", "1")];
    let named = socket_in(&home, &["dash"], &variables);
    assert_eq!(named, agent_socket(&home).display().to_string());
    assert!(agent_socket(&home).exists());
}
