//! `opkssh ssh` is ssh: arguments, streams, exit status, process.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use opkssh_test_support::{Home, Part, Run, free_port, left_out, write_program};

use super::PARTS;
use crate::agent::servers::{STAY, Server};
use crate::setup::{OPKSSH, Setup, agent_socket};

/// Writes its arguments, each ended by a zero byte, and its agent socket into the home; then does
/// what the file `then` says.
const RECORDING_SSH: &str = "#!/bin/sh\n\
    [ $# -eq 0 ] && : > \"$HOME/argv\" || printf '%s\\0' \"$@\" > \"$HOME/argv\"\n\
    printf %s \"$SSH_AUTH_SOCK\" > \"$HOME/sock\"\n\
    . \"$HOME/then\"\n";

/// A home that is logged in, with [`RECORDING_SSH`] in front of the real ssh.
fn with_recording_ssh() -> Setup {
    let setup = Setup::new();
    setup.login(&[]);
    write_program(&setup.home.dir().join("bin/ssh"), RECORDING_SSH);
    setup.home.write("then", "exit 0\n");
    let path = setup.home.var("PATH").unwrap();
    let mut first = setup.home.dir().join("bin").into_os_string();
    first.push(":");
    first.push(path);
    setup.home.set("PATH", first);
    setup
}

fn ssh(home: &Home, args: &[OsString]) -> Run {
    home.opkssh(["ssh"]).args(args)
}

fn words(list: &[&str]) -> Vec<OsString> {
    list.iter().map(OsString::from).collect()
}

fn recorded(home: &Home) -> Vec<OsString> {
    let bytes = fs::read(home.dir().join("argv")).unwrap();
    let mut words: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .map(|word| OsStr::from_bytes(word).to_owned())
        .collect();
    words.pop();
    words
}

#[test]
fn arguments_arrive_to_the_byte() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = with_recording_ssh();
    let lines = [
        words(&[
            "host",
            "",
            " ",
            "a\nb\t",
            "'",
            "\"",
            "\\",
            "$HOME `id` $(id)",
            "*",
        ]),
        words(&[
            "-o",
            "ProxyCommand=nc %h %p; true",
            "-p22",
            "u@host",
            "--",
            "--account",
            "x",
        ]),
        words(&["--", "host", "--help", "-h", "--version"]),
        words(&["-V"]),
        words(&[]),
        vec!["host".into(), OsString::from_vec((1..=255).collect())],
        vec![OsString::from_vec(vec![b'h', 0xfe, 0xff])],
    ];
    for line in lines {
        let ran = ssh(&setup.home, &line).run();
        assert_eq!((ran.stdout(), ran.stderr()), (String::new(), String::new()));
        assert_eq!(recorded(&setup.home), line);
        let socket = fs::read_to_string(setup.home.dir().join("sock")).unwrap();
        assert_eq!(Path::new(&socket), agent_socket(&setup.home));
    }
    // our own option is the only one taken away
    ssh(&setup.home, &words(&["--account", "test", "host"]))
        .run()
        .stdout();
    assert_eq!(recorded(&setup.home), words(&["host"]));
}

#[test]
fn a_signal_that_ends_ssh_ends_it_visibly() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = with_recording_ssh();
    setup.home.write("then", "kill -TERM $$\n");
    assert_eq!(ssh(&setup.home, &words(&["host"])).run().code(), None);
    setup.home.write("then", "exit 42\n");
    assert_eq!(ssh(&setup.home, &words(&["host"])).run().code(), Some(42));
}

#[test]
fn exit_statuses_are_ssh_s_own() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    for status in [0, 1, 3, 255] {
        let ran = server
            .opkssh_ssh(&setup.home)
            .arg(format!("exit {status}"))
            .run();
        assert_eq!(ran.code(), Some(status));
    }
    let nobody = setup
        .home
        .opkssh(["ssh", "-F", "/dev/null", "-p"])
        .arg(free_port().to_string())
        .arg("127.0.0.1")
        .run();
    assert_eq!(nobody.code(), Some(255));
    assert!(
        nobody.stderr().contains("Connection refused"),
        "{}",
        nobody.stderr()
    );
}

#[test]
fn the_process_becomes_ssh() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    let mut ssh = server
        .opkssh_ssh(&setup.home)
        .arg(format!("echo ready; {STAY}"))
        .start();
    ssh.wait_for("ready");
    let program = fs::read_link(format!("/proc/{}/exe", ssh.pid())).unwrap();
    assert_eq!(
        program.file_name(),
        Some(OsStr::new("ssh")),
        "{}",
        program.display()
    );
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", ssh.pid()));
    assert_eq!(
        children.unwrap_or_default(),
        "",
        "nothing of ours stays behind it"
    );
}

#[test]
fn a_megabyte_goes_through_unchanged() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    let home = setup.home.dir();
    let (sent, received) = (home.join("sent"), home.join("received"));
    let made = "head -c 1048576 /dev/urandom > \"$HOME/sent\"";
    setup.home.command("sh").args(["-c", made]).run().stdout();
    // a shell around it, since it has the streams as files
    let through = "\"$@\" < \"$HOME/sent\" > \"$HOME/received\"";
    let ran = setup
        .home
        .command("sh")
        .args(["-c", through, "sh", OPKSSH, "ssh"])
        .args(server.sshd.ssh_args())
        .args(["localhost", "cat"])
        .run();
    ran.stdout();
    let (sent, received) = (fs::read(sent).unwrap(), fs::read(received).unwrap());
    assert_eq!(sent.len(), 1 << 20);
    assert!(sent == received, "{} bytes came back", received.len());
}
