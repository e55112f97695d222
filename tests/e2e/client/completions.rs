//! `opkssh completions`, in bash, zsh and fish with a person who presses the tab key.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use opkssh_test_support::{Home, Part, left_out, write_program};

use crate::setup::{OPKSSH, Setup};

/// How each shell is started for a person, and how it reads the script.
const SHELLS: [(&str, &str, &str); 3] = [
    (
        "bash",
        "bash --norc --noprofile -i",
        "source /usr/share/bash-completion/bash_completion; source <(opkssh completions bash)",
    ),
    (
        "zsh",
        "zsh -f -i",
        "autoload -Uz compinit; compinit -u -D; source <(opkssh completions zsh)",
    ),
    ("fish", "fish -i", "opkssh completions fish | source"),
];

/// A home where `opkssh` is on the `PATH`, and says its words instead of running, but for what
/// completions ask.
fn home_of(home: &Home) -> PathBuf {
    let program = home.dir().join("bin/opkssh");
    let text = format!(
        "#!/bin/sh\ncase $1 in\ncomplete-words | completions) exec '{OPKSSH}' \"$@\" ;;\nesac\n\
         printf 'RAN'\nprintf '<%s>' \"$@\"\necho\n"
    );
    write_program(&program, text);
    home.set(
        "PATH",
        format!("{}:/usr/bin:/bin", home.dir().join("bin").display()),
    );
    home.set("TERM", "dumb");
    program
}

/// Types each line in a shell, tabs included, and checks the words that `opkssh` is run with.
fn typed_in(home: &Home, shell: &str, lines: &[(&str, &str)]) {
    let (_, command, source) = SHELLS.iter().find(|(name, ..)| *name == shell).unwrap();
    let fifo = home.runtime_dir().join("keys");
    let _ = std::fs::remove_file(&fifo);
    home.command("mkfifo").arg(&fifo).run().stdout();
    let on_terminal = "exec script -qec \"$1\" /dev/null <\"$2\"";
    let run = home.command("sh").args(["-c", on_terminal, "sh", command]);
    let mut running = run.arg(&fifo).start();
    let mut keyboard = File::options().write(true).open(&fifo).unwrap();
    let mut types = |keys: &str| keyboard.write_all(keys.as_bytes()).unwrap();
    // the echo of a command is no answer: the words stand apart in it
    types(&format!("{source}; echo REA''DY\r"));
    running.wait_for("READY");
    for (keys, ran) in lines {
        types(keys);
        types("\r");
        running.wait_for(ran);
    }
    types("exit\r");
    let _ = running.wait();
}

/// What `opkssh complete-words` offers for a line that ends here.
fn offered(home: &Home, line: &str) -> Vec<String> {
    let words = home.opkssh(["complete-words"]).args(line.split(' '));
    let said = words.run();
    assert_eq!(said.stderr(), "");
    let value = |line: &str| line.split('\t').next().unwrap_or_default().to_owned();
    said.stdout().lines().map(value).collect()
}

#[test]
fn commands_flags_and_values_follow_the_parser() {
    let home = Home::new(OPKSSH);
    assert_eq!(offered(&home, "opkssh logo"), ["logout"]);
    assert_eq!(offered(&home, "opkssh agent sto"), ["stop"]);
    assert_eq!(offered(&home, "opkssh login --inspect"), ["--inspect-cert"]);
    assert_eq!(
        offered(&home, "opkssh agent start --store="),
        [
            "--store=auto",
            "--store=keyring",
            "--store=file",
            "--store=memory"
        ]
    );
    assert_eq!(
        offered(&home, "opkssh completions "),
        ["bash", "fish", "zsh"]
    );
    // Go's --flag=true is not offered, nor are the commands that only the program runs
    assert_eq!(offered(&home, "opkssh login --verbose="), [""; 0]);
    let commands = offered(&home, "opkssh agent ");
    assert!(commands.contains(&"start".to_owned()), "{commands:?}");
    assert!(!commands.contains(&"launch".to_owned()), "{commands:?}");
    home.write("some-file.pub", "");
    assert_eq!(offered(&home, "opkssh inspect some"), ["some-file.pub"]);
    assert_eq!(offered(&home, "opkssh add roo"), ["root"]);
    assert!(offered(&home, "opkssh add root a@b.example goo").contains(&"google".to_owned()));
}

#[test]
fn accounts_providers_and_hosts_are_those_of_the_program() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::with(
        Default::default(),
        &["hosts: [build.example.com, '*.x.example']"],
    );
    let home = &setup.home;
    home.write(
        ".ssh/known_hosts",
        "host.example,192.0.2.1 ssh-ed25519 AAAA\n@cert-authority *.y.example ssh-rsa AAAA\n\
         |1|abc=|def= ssh-rsa AAAA\n",
    );
    assert_eq!(offered(home, "opkssh login "), ["test"]);
    let nobody = offered(home, "opkssh logout ");
    assert!(
        nobody.iter().all(|word| word.starts_with('-')),
        "{nobody:?}"
    );
    setup.login(&["--as", "alice"]);
    assert_eq!(offered(home, "opkssh login "), ["alice", "test"]);
    assert_eq!(offered(home, "opkssh logout "), ["alice"]);
    assert_eq!(offered(home, "opkssh ensure al"), ["alice"]);
    assert_eq!(offered(home, "opkssh ssh --account "), ["alice"]);
    let hosts = ["192.0.2.1", "build.example.com", "host.example"];
    assert_eq!(offered(home, "opkssh check --host "), hosts);
    assert_eq!(
        offered(home, "opkssh check --host=bu"),
        ["--host=build.example.com"]
    );
}

#[test]
fn each_shell_completes_commands_flags_and_accounts() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&["--as", "alice:work"]);
    home_of(&setup.home);
    for (shell, ..) in SHELLS {
        typed_in(
            &setup.home,
            shell,
            &[
                ("opkssh logo\t", "RAN<logout>"),
                (
                    "opkssh agent insta\t--dry\t",
                    "RAN<agent><install><--dry-run>",
                ),
                ("opkssh logout ali\t", "RAN<logout><alice:work>"),
                ("opkssh server cache ref\t", "RAN<server><cache><refresh>"),
            ],
        );
    }
}

/// The name of a file is a word, whatever it looks like.
#[test]
fn a_completed_name_is_no_command() {
    let home = Home::new(OPKSSH);
    home_of(&home);
    let name = "evil$(touch${IFS}PWNED).pub";
    std::fs::write(home.dir().join(name), "").unwrap();
    let ran = format!("RAN<inspect><{name}>");
    for (shell, ..) in SHELLS {
        typed_in(&home, shell, &[("cd ~; opkssh inspect evi\t", &ran)]);
        assert!(!home.dir().join("PWNED").exists(), "{shell}");
    }
}

/// ssh's own completions, as far as the shell has them, complete what follows `opkssh ssh`.
#[test]
fn each_shell_completes_opkssh_ssh_as_ssh() {
    let home = Home::new(OPKSSH);
    home_of(&home);
    home.write(".ssh/known_hosts", "wanted.example ssh-ed25519 AAAA\n");
    home.write(".ssh/config", "Host wanted.example\n");
    for (shell, ..) in SHELLS {
        typed_in(
            &home,
            shell,
            &[("opkssh ssh wan\t", "RAN<ssh><wanted.example>")],
        );
    }
}
