//! A developer with a laptop: from nothing to ssh, and out again.

use opkssh_test_support::{Home, Output, Part, left_out};

use crate::agent::servers::Server;
use crate::setup::{OPKSSH, Setup};

/// Its stdout; it must have succeeded and said nothing else.
#[track_caller]
fn quietly(output: Output) -> String {
    assert_eq!(output.stderr(), "");
    output.stdout()
}

#[test]
fn before_anything_is_set_up_the_commands_say_how_to_begin() {
    let home = Home::new(OPKSSH);
    let opkssh = |words: &[&str]| home.opkssh(words).run();
    let help = quietly(opkssh(&[]));
    assert!(
        help.contains("opkssh login              # log in"),
        "{help}"
    );
    let status = quietly(opkssh(&["status"]));
    assert_eq!(
        status,
        "Agent         not running; `opkssh login` or `opkssh agent start` starts it\n"
    );
    let refused = opkssh(&["lgoin"]);
    assert_eq!(
        refused.refused(),
        "Error: unknown command \"lgoin\" for \"opkssh\"\n\
         hint: did you mean 'opkssh login'? run 'opkssh --help' for usage\n"
    );
    let list = opkssh(&["client", "provider", "list"]);
    assert!(list.refused().contains("opkssh login --create-config"));
    opkssh(&["login", "--create-config"]).stdout();
    let list = quietly(opkssh(&["client", "provider", "list"]));
    assert!(list.contains("google"), "{list}");
    let script = quietly(opkssh(&["completions", "bash"]));
    assert!(script.contains("complete -F _opkssh opkssh"), "{script}");
}

#[test]
fn a_login_ssh_a_look_at_it_and_a_logout() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    let home = &setup.home;
    let server = Server::ours(&setup.provider, "24h");

    let login = home.opkssh(["login"]).run().stdout();
    assert!(
        login.contains("In the agent as \"test\", usable until 20"),
        "{login}"
    );
    let status = quietly(home.opkssh(["status"]).run());
    for words in [
        "Agent         running since 20",
        "\ntest (default): usable until 20",
        "\n  Identity    alice@example.com at ",
        "\n  Renewal     renews by itself; next 20",
        "\n  Hosts       every server but public forges",
    ] {
        assert!(status.contains(words), "no {words:?} in {status}");
    }

    let ssh = server.opkssh_ssh(home).arg("echo in").run();
    assert_eq!(quietly(ssh), "in\n");
    let script = format!(
        "eval \"$('{OPKSSH}' agent env)\" && ssh {} localhost 'echo plain'",
        server.sshd.ssh_args().join(" ")
    );
    let plain = home.command("sh").args(["-c", &script]).run();
    assert_eq!(plain.stdout(), "plain\n");

    // the same person again: no second account
    let again = home.opkssh(["login"]).run().stdout();
    assert!(again.contains("In the agent as \"test\""), "{again}");
    let logout = home.opkssh(["logout"]).run().stdout();
    assert!(logout.starts_with("Logged out of test ("), "{logout}");
    let refused = server
        .opkssh_ssh(home)
        .env_remove("BROWSER")
        .arg("true")
        .run();
    assert_eq!(
        (refused.code(), refused.any_stdout()),
        (Some(255), String::new())
    );
    assert!(
        refused.stderr().contains("opkssh login"),
        "{}",
        refused.stderr()
    );
}
