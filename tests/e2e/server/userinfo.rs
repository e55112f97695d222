//! Access tokens in certificates: userinfo at a real provider, beside Go's program.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use opkssh_test_support::{GoPeer, Home, ProviderOptions, left_out, user_name, write_program};

use crate::agent::servers::rules;
use crate::beside_go::interop::PARTS;
use crate::setup::{OPKSSH, Setup};

#[test]
fn userinfo_is_asked_and_shown_to_plugins_as_go_does() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::with(ProviderOptions::default(), &["hosts: [\"*\"]"]);
    setup.login(&["--send-access-token"]);
    let (peer, programs) = (GoPeer::new(), Home::new(OPKSSH));
    let etc = rules(&setup.provider, "24h");
    let directory = etc.dir().join("policy.d");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(directory, Permissions::from_mode(0o750)).unwrap();
    let script = "#!/bin/sh\nprintf %s \"$OPKSSH_PLUGIN_USERINFO\" >/var/log/told\n";
    write_program(&programs.dir().join("dump"), script);
    let program = programs.dir().join("dump");
    let file = format!("name: dump\ncommand: {}\n", program.display());
    etc.write("policy.d/dump.yml", &file);

    let certificate = setup.certificate();
    let mut words = certificate.split_whitespace();
    let (key_type, base64) = (words.next().unwrap(), words.next().unwrap());
    let ca = setup.provider.ca_file();
    let verify = |ours: bool| {
        let run = match ours {
            true => peer.server_of(Path::new(OPKSSH), &etc, &ca),
            false => peer.server(&etc, &ca),
        };
        let line = run
            .args(["verify", &user_name(), base64, key_type])
            .run()
            .stdout();
        (
            line,
            fs::read_to_string(etc.log_dir().join("told")).unwrap(),
        )
    };
    let asked = || {
        setup
            .provider
            .log()
            .iter()
            .filter(|seen| seen.path == "/me")
            .count()
    };
    let (line, told) = verify(false);
    assert_eq!(
        asked(),
        1,
        "{:?}",
        setup
            .provider
            .log()
            .iter()
            .map(|seen| &seen.path)
            .collect::<Vec<_>>()
    );
    assert!(told.contains("alice@example.com"), "{told}");
    assert_eq!(verify(true), (line, told));
    assert_eq!(asked(), 2);
}
