//! Help, usage errors and the version: what a person sees who types something wrong.

use opkssh_test_support::Home;

use crate::setup::OPKSSH;

/// The help of every command that the help of its group lists.
fn helps(home: &Home, path: &[String], all: &mut Vec<(String, String)>) {
    let help = home.opkssh(path).arg("--help").run();
    assert_eq!(help.stderr(), "");
    let text = help.stdout();
    let commands = text.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = commands.map_while(|line| line.strip_prefix("  ")?.split(' ').next());
    for name in names.filter(|name| !name.is_empty() && *name != "help") {
        let below = [path, &[name.to_owned()]].concat();
        helps(home, &below, all);
    }
    all.push((path.join(" "), text));
}

#[test]
fn every_help_ends_with_examples_and_fits_a_terminal() {
    let home = Home::new(OPKSSH);
    home.set("COLUMNS", "80");
    let mut all = Vec::new();
    helps(&home, &[], &mut all);
    assert!(all.len() > 30, "only {} commands", all.len());
    for (command, text) in all {
        let (_, examples) = text
            .split_once("\nExamples:\n")
            .unwrap_or_else(|| panic!("no examples, add them to src/examples.txt: {text}"));
        assert!(examples.lines().count() > 0, "{text}");
        for line in examples.lines() {
            assert!(line.starts_with("  "), "{command}: {line}");
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
        assert!(examples.contains(&command), "{command}: {examples}");
        assert!(!text.contains("BOOL"), "{text}");
    }
}

#[test]
fn go_s_values_of_flags_still_parse_and_no_error_shows_them() {
    let home = Home::new(OPKSSH);
    let help = home.opkssh(["login", "--verbose=true", "--help"]).run();
    assert!(
        help.stdout().contains("  -v, --verbose\n") || help.stdout().contains("-v, --verbose ")
    );
    for flags in [["-p", "--files"], ["--print-key=true", "--files=true"]] {
        let refused = home.opkssh(["login"]).args(flags).run();
        assert_eq!(
            refused.refused(),
            "Error: the argument '--print-key' cannot be used with '--files'\n\
             hint: run 'opkssh login --help' for usage\n"
        );
        assert_eq!(refused.any_stdout(), "");
    }
    let shown = home.opkssh(["--version=true"]).run().stdout();
    assert!(shown.starts_with("opkssh version "), "{shown}");
}

#[test]
fn a_mistyped_command_or_flag_is_answered_with_the_one_that_was_meant() {
    let home = Home::new(OPKSSH);
    let said = |words: &[&str]| {
        let refused = home.opkssh(words).run();
        assert_eq!(refused.any_stdout(), "", "{words:?}");
        assert_ne!(refused.code(), Some(0), "{words:?}");
        refused.stderr()
    };
    for (words, message, meant) in [
        (
            &["lgoin"][..],
            "unknown command \"lgoin\" for \"opkssh\"",
            "did you mean 'opkssh login'? run 'opkssh --help' for usage",
        ),
        (
            &["agent", "strat"],
            "unknown command \"strat\" for \"opkssh agent\"",
            "did you mean 'opkssh agent start'? run 'opkssh agent --help' for usage",
        ),
        (
            &["agent", "status"],
            "unknown command \"status\" for \"opkssh agent\"",
            "did you mean 'opkssh status'? run 'opkssh agent --help' for usage",
        ),
        (
            &["server", "cache", "refesh"],
            "unknown command \"refesh\" for \"opkssh server cache\"",
            "did you mean 'opkssh server cache refresh'? run 'opkssh server cache --help' for usage",
        ),
        (
            &["login", "--verbos"],
            "unknown flag: --verbos",
            "did you mean 'opkssh login --verbose'? run 'opkssh login --help' for usage",
        ),
        (
            &["status", "--jsn"],
            "unknown flag: --jsn",
            "did you mean 'opkssh status --json'? run 'opkssh status --help' for usage",
        ),
        (
            &["qqqqq"],
            "unknown command \"qqqqq\" for \"opkssh\"",
            "run 'opkssh --help' for usage",
        ),
    ] {
        assert_eq!(said(words), format!("Error: {message}\nhint: {meant}\n"));
    }
}

#[test]
fn help_is_the_same_by_command_and_by_flag() {
    let home = Home::new(OPKSSH);
    for path in [&["agent", "start"][..], &["login"], &["ssh"], &["verify"]] {
        let by_flag = home.opkssh(path).arg("--help").run().stdout();
        let by_command = home.opkssh(["help"]).args(path).run().stdout();
        assert_eq!(by_flag, by_command);
        assert!(by_flag.contains("Usage: "), "{by_flag}");
    }
}

#[test]
fn the_version_is_a_command_and_a_flag() {
    let home = Home::new(OPKSSH);
    let by_flag = home.opkssh(["--version"]).run().stdout();
    assert_eq!(home.opkssh(["version"]).run().stdout(), by_flag);
    assert_eq!(
        by_flag,
        concat!("opkssh version ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

/// As ssh-agent's -c and -s: an option decides, else the login shell.
#[test]
fn agent_env_speaks_fish_and_fish_understands_it() {
    let home = Home::new(OPKSSH);
    let socket = home.runtime_dir().join("opkssh/agent.sock");
    let line = format!("set -gx SSH_AUTH_SOCK {};\n", socket.display());
    let env = |shell: &str, args: &[&str]| {
        let env = home.opkssh(["agent", "env"]).args(args).env("SHELL", shell);
        env.run().stdout()
    };
    assert_eq!(env("/usr/bin/fish", &[]), line);
    assert_eq!(env("/bin/bash", &["--fish"]), line);
    assert!(env("/usr/bin/fish", &["-s"]).starts_with("SSH_AUTH_SOCK="));
    assert!(env("/usr/bin/fish", &["-c"]).starts_with("setenv "));
    home.opkssh(["agent", "env", "--fish", "-s"])
        .run()
        .misused();

    let script = format!("'{OPKSSH}' agent env --fish | source; echo $SSH_AUTH_SOCK");
    let fish = home.command("fish").args(["--no-config", "-c", &script]);
    assert_eq!(fish.run().stdout(), format!("{}\n", socket.display()));
}
