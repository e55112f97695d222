use super::*;

const BOTH: [Argument; 2] = [Argument::Connection, Argument::RoutingDomain];

#[test]
fn versions_that_know_the_tokens() {
    let knows = |text: &str| OpenSshVersion::find(text).map(|version| version.knows(&BOTH));
    for (text, expected) in [
        ("OpenSSH_9.2, OpenSSL 3.0.19 27 Jan 2026", Some(false)),
        ("OpenSSH_9.3p2, LibreSSL 3.7.3", Some(false)),
        ("OpenSSH_9.4p1 Debian-1, OpenSSL 3.0.10", Some(true)),
        ("OpenSSH_10.0p2 Debian-7, OpenSSL 3.5.9", Some(true)),
        (
            "unknown option -- V\nOpenSSH_8.4p1, OpenSSL 1.1.1\nusage: sshd",
            Some(false),
        ),
        ("OpenSSH_for_Windows_9.5p1", None),
        ("usage: sshd", None),
        ("", None),
    ] {
        assert_eq!(knows(text), expected, "{text}");
    }
    let old = OpenSshVersion { major: 7, minor: 9 };
    assert!(old.knows(&[]));
}

#[test]
fn the_command_has_what_is_declared_in_its_order() {
    let program = Path::new("/usr/local/bin/opkssh");
    let command = authorized_keys_command(program, &[]);
    assert_eq!(command, "/usr/local/bin/opkssh verify %u %k %t");
    assert!(passes(&command, &[]));
    assert!(!passes(&command, &BOTH));
    let [connection, domain] = BOTH;
    let command = authorized_keys_command(program, &[domain, connection]);
    assert_eq!(command, "/usr/local/bin/opkssh verify %u %k %t %D %C");
    assert!(passes(&command, &[domain, connection]));
    assert!(passes(&command, &[domain]));
    assert!(!passes(&command, &BOTH));
    assert!(!passes("/x verify %u %k %t %f %C", &BOTH[..1]));
    assert!(!passes("/x verify", &BOTH[..1]));
}
