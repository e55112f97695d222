//! Programs that people use with an agent.

use std::path::Path;

use opkssh_test_support::{Output, Part, Sshd, Verifier, left_out};

use super::Agents;

/// git in a repository of its own, with our agent.
fn git(agents: &Agents, args: &[&str]) -> Output {
    let git = agents.ours().run("git").args([
        "-c",
        "user.name=Alice",
        "-c",
        "user.email=alice@example.com",
        "-c",
        "init.defaultBranch=main",
    ]);
    git.args(args).run()
}

#[test]
fn git_signs_commits_and_pushes() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let agents = Agents::start();
    let home = &agents.home;
    agents.keygen("key", "ed25519", "256");
    agents.ours().ssh_add(&["key"]);
    let public = std::fs::read_to_string(home.dir().join("key.pub")).unwrap();
    // only the agent has it
    std::fs::remove_file(home.dir().join("key")).unwrap();

    git(&agents, &["init", "-q", "work"]).stdout();
    let signing = format!("user.signingKey=key::{}", public.trim());
    let signed = [
        "-C",
        "work",
        "-c",
        "gpg.format=ssh",
        "-c",
        &signing,
        "commit",
        "-q",
        "-S",
        "--allow-empty",
        "-m",
        "signed",
    ];
    git(&agents, &signed).stdout();
    let signers = home.write("signers", format!("alice@example.com {public}"));
    let signers = format!("gpg.ssh.allowedSignersFile={}", signers.display());
    let verify = ["-C", "work", "-c", &signers, "verify-commit", "HEAD"];
    let verified = git(&agents, &verify);
    assert!(verified.success(), "{}", verified.stderr());

    let server = Sshd::start(Verifier::Keys(&public), Path::new("/dev/null"));
    git(&agents, &["init", "-q", "--bare", "there.git"]).stdout();
    let ssh = format!("core.sshCommand=ssh {}", server.ssh_args().join(" "));
    let there = home.dir().join("there.git");
    let there = format!("localhost:{}", there.display());
    let pushed = git(
        &agents,
        &["-C", "work", "-c", &ssh, "push", "-q", &there, "main"],
    );
    assert!(pushed.success(), "{}", pushed.stderr());
    let log = git(&agents, &["-C", "there.git", "log", "--format=%s", "main"]);
    assert_eq!(log.stdout(), "signed\n");
}
