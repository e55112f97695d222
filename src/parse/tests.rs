use super::*;

mod examples;

fn parsed(line: &str) -> Result<Command, CommandFailure> {
    parse(
        line.split(' ')
            .filter(|word| !word.is_empty())
            .map(OsString::from),
    )
}

fn usage(line: &str) -> (String, Option<String>) {
    match parsed(line) {
        Err(failure) => (failure.message, failure.hint),
        Ok(_) => panic!("{line}: accepted"),
    }
}

#[test]
fn the_commands_are_consistent() {
    Cli::command().debug_assert();
    commands().debug_assert();
    flags_take_values(Cli::command()).debug_assert();
}

#[test]
fn no_arguments_and_help_print_the_help() {
    for line in ["opkssh", "opkssh --help", "opkssh -h", "opkssh help"] {
        assert!(
            matches!(parsed(line), Ok(Command::Help(text)) if text.contains("inspect")),
            "{line}"
        );
    }
}

#[test]
fn the_version_has_two_flags_and_a_command() {
    for line in ["opkssh --version", "opkssh -v", "opkssh version"] {
        assert!(matches!(parsed(line), Ok(Command::Version)), "{line}");
    }
}

#[cfg(feature = "client")]
#[test]
fn agent_run_is_parsed_alone_and_errors_come_from_the_full_parser() {
    let run = |args: &str| parsed(&format!("opkssh agent run {args}"));
    assert!(matches!(
        run("--log-level debug --detached=true"),
        Ok(Command::Agent { command: AgentCommand::Run(args) })
            if args.detached && args.settings.running.log_level.as_deref() == Some("debug")
    ));
    assert!(parse_single(&["opkssh", "agent", "run"].map(OsString::from)).is_some());
    assert!(parse_single(&["opkssh", "agent", "stop"].map(OsString::from)).is_none());
    assert_eq!(usage("opkssh agent run --x").0, "unknown flag: --x");
    assert!(
        matches!(run("--help"), Ok(Command::Help(text)) if text.contains("opkssh agent run [OPTIONS]"))
    );
}

#[cfg(feature = "server")]
#[test]
fn verify_is_parsed_the_same_by_both_parsers() {
    for words in [
        "opkssh verify root AAAA ssh-rsa",
        "opkssh verify --etc /x --log-file=/y root AAAA ssh-rsa more -x --etc",
        "opkssh verify root AAAA ssh-rsa --etc /x",
        "opkssh verify -- -root AAAA ssh-rsa",
    ] {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        let Some(Command::Verify(alone)) = parse_single(&words) else {
            panic!("{words:?}");
        };
        let table = flags_take_values(Cli::command()).try_get_matches_from(&words);
        let table = Cli::from_arg_matches(&table.unwrap()).unwrap();
        let Some(Command::Verify(table)) = table.command else {
            panic!("{words:?}");
        };
        assert_eq!(
            (alone.dirs.etc, alone.log_file, alone.principal, alone.extra),
            (table.dirs.etc, table.log_file, table.principal, table.extra)
        );
    }
    for words in [
        "opkssh verify",
        "opkssh verify --help",
        "opkssh verify root --x AAAA t",
    ] {
        let words: Vec<OsString> = words.split(' ').map(OsString::from).collect();
        assert!(parse_single(&words).is_none(), "{words:?}");
    }
}

#[test]
fn mistakes_are_called_what_go_calls_them() {
    assert_eq!(
        usage("opkssh zzz"),
        (
            "unknown command \"zzz\" for \"opkssh\"".into(),
            Some("run 'opkssh --help' for usage".into())
        )
    );
    assert_eq!(usage("opkssh inspect --x key").0, "unknown flag: --x");
    assert_eq!(
        usage("opkssh inspect -x key").0,
        "unknown shorthand flag: 'x' in -x"
    );
    for line in ["opkssh inspect", "opkssh inspect a b"] {
        assert!(!usage(line).0.is_empty(), "{line}");
        assert_eq!(usage(line).0.lines().count(), 1, "{line}");
    }
}

#[cfg(feature = "client")]
mod client {
    use super::*;

    #[test]
    fn nothing_of_ssh_is_parsed() {
        for line in [
            "ssh -V",
            "ssh -h",
            "ssh -- -v",
            "ssh --account a h",
            "ssh -v --help",
            "ssh",
        ] {
            let Ok(Command::Ssh(help)) = parsed(&format!("opkssh {line}")) else {
                panic!("{line}");
            };
            let words: Vec<_> = line.split(' ').skip(1).map(OsString::from).collect();
            assert_eq!(help.words, words, "{line}");
        }
        assert!(matches!(parsed("opkssh ssh --help"), Ok(Command::Help(_))));
    }

    #[test]
    fn every_flag_of_go_login_is_accepted() {
        let line = "opkssh login alias --auto-refresh --config-path f --create-config --configure \
                    --disable-browser-open --inspect-cert -t ed25519 --log-dir d --principals a,b \
                    --principals c --print-id-token --provider i,c --remote-redirect-uri u \
                    --send-access-token -v";
        let Ok(Command::Login(args)) = parsed(line) else {
            panic!("not accepted")
        };
        assert_eq!(args.principals, ["a", "b", "c"]);
        assert_eq!(args.send_access_token, Some(true));
        assert_eq!(args.alias.as_deref(), Some("alias"));
        let Ok(Command::Login(args)) = parsed("opkssh login --send-access-token=false -i f") else {
            panic!("not accepted")
        };
        assert_eq!(args.send_access_token, Some(false));
        assert!(args.wants_files());
        assert!(matches!(parsed("opkssh login -p"), Ok(Command::Login(args)) if args.print_key));
    }

    #[test]
    fn flags_take_a_value_after_an_equals_sign() {
        let login = |line: &str| match parsed(&format!("opkssh login {line}")) {
            Ok(Command::Login(args)) => *args,
            _ => panic!("{line}: not accepted"),
        };
        let all = "--auto-refresh=V --create-config=V --configure=V --disable-browser-open=V \
                   --inspect-cert=V --print-id-token=V --print-key=V --send-access-token=V \
                   --verbose=V";
        for (word, value) in [
            ("true", true),
            ("T", true),
            ("1", true),
            ("false", false),
            ("F", false),
            ("0", false),
        ] {
            let args = login(&all.replace('V', word));
            for flag in [
                args.auto_refresh,
                args.create_config,
                args.configure,
                args.disable_browser_open,
                args.inspect_cert,
                args.print_id_token,
                args.print_key,
                args.verbose,
            ] {
                assert_eq!(flag, value, "{word}");
            }
            assert_eq!(args.send_access_token, Some(value), "{word}");
        }
        let args = login("-p=true -v=false alias");
        assert!(args.print_key && !args.verbose);
        // no value without the sign: the next word is an argument of its own
        let args = login("--verbose alias");
        assert!(args.verbose && args.alias.as_deref() == Some("alias"));
        let args = login("-pv");
        assert!(args.print_key && args.verbose);
        assert!(!login("-p=false -i file").print_key);
        assert!(usage("opkssh login --verbose=maybe").0.contains("maybe"));
        assert!(matches!(
            parsed("opkssh logout --verbose=false --all=true"),
            Ok(Command::Logout(args)) if !args.verbose && args.all
        ));
        assert!(matches!(
            parsed("opkssh --version=true"),
            Ok(Command::Version)
        ));
    }

    #[test]
    fn groups_accept_any_word() {
        for line in [
            "client",
            "client bogus",
            "client provider",
            "client provider bogus",
        ] {
            assert!(
                matches!(
                    parsed(&format!("opkssh {line}")),
                    Ok(Command::Client { .. })
                ),
                "{line}"
            );
        }
    }
}
