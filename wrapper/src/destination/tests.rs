use super::*;
use std::os::unix::ffi::OsStringExt;

fn of(line: &str) -> Purpose {
    purpose(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
}

#[test]
fn the_destination_is_found_as_ssh_finds_it() {
    for (line, host) in [
        ("host", "host"),
        ("user@host", "host"),
        ("user@idp.example@host", "host"),
        ("-p 22 host", "host"),
        ("-p22 host", "host"),
        ("-vvvp 22 host uptime", "host"),
        ("-vvvp22 host uptime", "host"),
        ("-tt -A -o StrictHostKeyChecking=yes host ls -V", "host"),
        ("-oPort=1 -J jump1,jump2 host", "host"),
        ("-l user host", "host"),
        ("-L 1:h:2 -R 3:h:4 -D 5 -W x:1 host", "host"),
        ("host -p 22 ls -l", "host"),
        ("-- host -V", "host"),
        ("-v -- host", "host"),
        ("host -- ls", "host"),
        (
            "-b 127.0.0.1 -B lo -c aes -E log -e none -F cfg -I lib -i key -m mac host",
            "host",
        ),
        ("-P tag -S path -w 1:2 host", "host"),
        ("ssh://host", "host"),
        ("ssh://user@host:2222", "host"),
        ("ssh://user@host/", "host"),
        ("ssh://[::1]:22", "::1"),
        ("::1", "::1"),
        ("-o HostName=x alias", "alias"),
    ] {
        assert_eq!(of(line), Purpose::Host(host.into()), "{line}");
    }
}

#[test]
fn what_logs_in_nowhere_is_left_to_ssh() {
    for line in [
        "-V",
        "-Q key",
        "-Qkey",
        "-G host",
        "host -G",
        "-vG host",
        "-O exit host",
        "-Oexit host",
        "",
        "-",
        "-p",
        "-p 22",
        "-v",
        "--",
        "user@",
        "ssh://",
        "-J jump",
    ] {
        assert_eq!(of(line), Purpose::NoLogin, "{line}");
    }
    assert_eq!(purpose(&[]), Purpose::NoLogin);
}

#[test]
fn the_arguments_of_the_command_are_not_ours() {
    assert_eq!(of("host cmd -G -V"), Purpose::Host("host".into()));
}

#[test]
fn a_host_that_is_not_text_is_still_a_host() {
    let host = OsString::from_vec(vec![b'h', 0xff]);
    assert_eq!(purpose(&[host]), Purpose::UnreadableHost);
}
