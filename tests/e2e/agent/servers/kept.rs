//! A configuration that cannot be read shows an account to no further server.

use std::fs;

use opkssh_test_support::{Part, SecretService, left_out};

use super::Server;
use crate::setup::{Setup, entry, kill_daemon, status, write_config};

const PARTS: [Part; 3] = [Part::Provider, Part::Sshd, Part::Keyring];

#[test]
fn hosts_that_came_after_the_login_count_while_the_file_cannot_be_read() {
    if left_out(&PARTS) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    setup.login(&[]);
    let server = Server::ours(&setup.provider, "24h");
    setup.knows(&[&server.sshd]);
    let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
    let configure = |lines: &[&str], end: &str| {
        let file = write_config(&setup.home, &[entry("test", issuer, client, lines)]);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text + end).unwrap();
        file
    };
    let shown = || status(&setup.home)["accounts"][0]["hosts"].clone();
    let narrow = serde_json::json!(["*.example.com"]);
    let in_section = "agent: {accounts: {test: {hosts: [\"*.example.com\"]}}}\n";
    for (lines, end) in [
        (&["hosts: [\"*.example.com\"]"][..], ""),
        (&["hosts: [localhost]"], in_section),
    ] {
        let file = configure(lines, end);
        // the agent reads it when it is asked for its list
        setup.with_agent("ssh-add").arg("-l").run().stdout();
        assert_eq!(shown(), narrow);
        for unreadable in ["default_provider: test\nproviders:\n  - {alias: [\n", ""] {
            configure(lines, end);
            setup.with_agent("ssh-add").arg("-l").run().stdout();
            fs::write(&file, unreadable).unwrap();
            for restart in [false, true] {
                if restart {
                    kill_daemon(&setup.home);
                    setup.home.opkssh(["agent", "start"]).run().stdout();
                }
                let refused = server.plain_ssh(&setup.home).arg("true").run();
                assert_eq!(refused.code(), Some(255));
                assert_eq!(server.etc.log(), "", "it learnt who it is");
                assert_eq!(shown(), narrow);
                let notices = status(&setup.home)["notices"].to_string();
                assert!(notices.contains(".opk/config.yml:"), "{notices}");
                assert!(notices.contains("until it can be read"), "{notices}");
            }
        }
        // nor does one that is not there widen it
        fs::remove_file(&file).unwrap();
        let refused = server.plain_ssh(&setup.home).arg("true").run();
        assert_eq!(refused.code(), Some(255));
        assert_eq!(server.etc.log(), "", "it learnt who it is");
    }
    configure(&["hosts: [localhost]"], "");
    let enter = server.plain_ssh(&setup.home).arg("echo in").run();
    assert_eq!(enter.stdout(), "in\n");
    let notices = status(&setup.home)["notices"].to_string();
    assert!(!notices.contains("until it can be read"), "{notices}");
}
