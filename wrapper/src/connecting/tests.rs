use super::*;

#[test]
fn names_jumps_and_files_are_as_ssh_resolves_them() {
    let text = "user root\nhostname web.example.com\nport 2222\n\
                globalknownhostsfile /etc/ssh/ssh_known_hosts /dev/null\n\
                userknownhostsfile /home/a/.ssh/known_hosts relative /proc/self/fd/63\n\
                proxyjump u@far:22,ssh://[::1]:2200,near\n";
    let read = Configuration::parse(text);
    assert_eq!(read.name.as_deref(), Some("[web.example.com]:2222"));
    assert_eq!(read.jumps, [["near"], ["::1"], ["far"]]);
    let files = ["/home/a/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"];
    assert_eq!(read.known_hosts, files.map(PathBuf::from));
    for (text, name) in [
        ("hostname web\nport 22\n", "web"),
        ("hostname web\nport 2222\nhostkeyalias alias\n", "alias"),
    ] {
        assert_eq!(Configuration::parse(text).name.as_deref(), Some(name));
    }
    let none = "userknownhostsfile none\nproxyjump none\n";
    assert_eq!(Configuration::parse(none), Configuration::default());
}
