use super::*;

#[test]
fn whose_command_it_is() {
    let read = |text: &str| SshdSettings(text.to_owned()).state();
    let state = |line: &str| read(&format!("port 22\n{line}\nauthorizedkeyscommanduser x\n"));
    assert_eq!(state(""), SshdState::None);
    assert_eq!(state("authorizedkeyscommand none"), SshdState::None);
    for ours in [
        "/usr/local/bin/opkssh verify %u %k %t",
        "/opt/opkssh verify",
    ] {
        let line = format!("authorizedkeyscommand {ours}");
        let found = |user: Option<&str>| SshdState::Opkssh {
            command: ours.into(),
            user: user.map(str::to_owned),
        };
        assert_eq!(state(&line), found(Some("x")));
        assert_eq!(read(&line), found(None));
        let line = format!("authorizedkeyscommanduser none\n{line}\n");
        assert_eq!(read(&line), found(None));
    }
    for other in [
        "/usr/bin/sss_ssh_authorizedkeys %u",
        "/usr/bin/opkssh2 verify",
        "/bin/opkssh x",
    ] {
        let line = format!("authorizedkeyscommand {other}");
        assert_eq!(state(&line), SshdState::Other(other.into()));
    }
}

const ALL: &str = "port 22\npubkeyauthentication yes\n\
    pubkeyacceptedalgorithms ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com\n\
    casignaturealgorithms ssh-ed25519,ecdsa-sha2-nistp256\n";

#[test]
fn each_setting_that_refuses_is_named() {
    let refusals = |text: &str| super::refusals(&SshdSettings(text.to_owned()));
    assert_eq!(refusals(ALL), Vec::<String>::new());
    assert_eq!(refusals(""), Vec::<String>::new());
    let off = ALL.replace("pubkeyauthentication yes", "pubkeyauthentication no");
    assert_eq!(
        refusals(&off),
        ["PubkeyAuthentication is no: sshd accepts no certificate"]
    );
    let no_p256 = ALL.replace(",ecdsa-sha2-nistp256-cert-v01@openssh.com", "");
    assert_eq!(
        refusals(&no_p256),
        [
            "PubkeyAcceptedAlgorithms lacks ecdsa-sha2-nistp256-cert-v01@openssh.com: sshd \
             refuses certificates with P-256 keys, the default of opkssh login"
        ]
    );
    let no_ed25519 = ALL.replace(
        "casignaturealgorithms ssh-ed25519,",
        "casignaturealgorithms ",
    );
    assert_eq!(
        refusals(&no_ed25519),
        [
            "CASignatureAlgorithms lacks ssh-ed25519: sshd refuses certificates with Ed25519 \
             keys"
        ]
    );
}
