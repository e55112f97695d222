use super::*;

#[test]
fn names_jumps_and_files_are_as_ssh_resolves_them() {
    let text = "user root\nhostname web.example.com\nport 2222\nhashknownhosts yes\n\
                globalknownhostsfile /etc/ssh/ssh_known_hosts /dev/null\n\
                userknownhostsfile /home/a/.ssh/known_hosts relative /proc/self/fd/63\n\
                proxyjump u@far:22,ssh://[::1]:2200,near\n\
                identityagent none\nidentitiesonly yes\n";
    let read = SshSettings::parse(text);
    assert_eq!(read.name.as_deref(), Some("[web.example.com]:2222"));
    assert_eq!(read.jumps, ["near", "ssh://[::1]:2200", "u@far:22"]);
    let files = ["/home/a/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];
    assert_eq!(read.known_hosts, files.map(PathBuf::from));
    assert_eq!(read.new_key, NewHostKey::Hashed);
    assert_eq!(read.identity_agent.as_deref(), Some("none"));
    assert!(read.identities_only);
    for (text, name) in [
        ("hostname web\nport 22\n", "web"),
        ("hostname web\nport 2222\nhostkeyalias alias\n", "alias"),
    ] {
        assert_eq!(SshSettings::parse(text).name.as_deref(), Some(name));
    }
    let none = "userknownhostsfile none\nproxyjump none\n";
    let nothing = SshSettings {
        new_key: NewHostKey::NotRecorded,
        ..SshSettings::default()
    };
    assert_eq!(SshSettings::parse(none), nothing);
}

#[test]
fn a_new_key_is_recorded_unless_ssh_is_told_otherwise() {
    for (file, strict, new_key) in [
        ("/home/a/known", "ask", NewHostKey::Recorded),
        ("/home/a/known", "accept-new", NewHostKey::Recorded),
        ("/home/a/known", "false", NewHostKey::Recorded),
        ("/home/a/known", "true", NewHostKey::NotRecorded),
        ("/dev/null", "ask", NewHostKey::NotRecorded),
    ] {
        let text = format!("userknownhostsfile {file}\nstricthostkeychecking {strict}\n");
        assert_eq!(SshSettings::parse(&text).new_key, new_key, "{text}");
    }
}
