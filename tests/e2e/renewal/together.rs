//! Many ssh at once, with a certificate that has to be renewed first.

use std::fs;

use opkssh_test_support::{
    Browser, Home, Part, Provider, ProviderOptions, Running, Sshd, left_out, wait_until,
};

use super::short_lived;
use crate::chooser::trust;
use crate::servers::Server;
use crate::setup::{OPKSSH, Setup, agent_socket, daemon_log, entry, status, write_config};

const MANY: usize = 50;
const DISCOVERY: &str = "/.well-known/openid-configuration";
const TOKEN: &str = "/token";

fn requests(provider: &Provider, path: &str) -> usize {
    let log = provider.log();
    log.iter().filter(|seen| seen.path == path).count()
}

/// The server's only name in `~/.ssh/known_hosts`.
fn known_as(host: &str, sshd: &Sshd) -> String {
    format!("[{host}]:{} {}\n", sshd.port(), sshd.host_key())
}

#[test]
fn fifty_ssh_with_a_stale_certificate_make_one_request_and_hold_nobody_else_up() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let lines = ["expiration: oidc", "hosts: [localhost]"];
    let (provider, other) = (
        Provider::start(short_lived(12)),
        Provider::start(ProviderOptions::default()),
    );
    let home = Home::new(OPKSSH);
    trust(&home, &[provider.ca_file(), other.ca_file()]);
    let setup = Setup {
        browser: Browser::install(&home),
        home,
        provider,
    };
    write_config(
        &setup.home,
        &[
            entry(
                "test",
                setup.provider.issuer(),
                setup.provider.client(),
                &lines,
            ),
            entry(
                "other",
                other.issuer(),
                other.client(),
                &["hosts: [127.0.0.1]"],
            ),
        ],
    );
    let (server, others) = (
        Server::ours(&setup.provider, "oidc"),
        Server::ours(&other, "24h"),
    );
    let names = known_as("localhost", &server.sshd) + &known_as("127.0.0.1", &others.sshd);
    setup.home.write(".ssh/known_hosts", names);
    setup.login(&["other"]);
    setup.login(&["test"]);

    // the next ID token outlives the test; the one before it is stale in six seconds. The agent
    // asks for discovery first, and waits for each answer for a while only.
    setup.provider.set_id_token_ttl(3600);
    let before = [DISCOVERY, TOKEN].map(|path| requests(&setup.provider, path));
    setup.provider.hold(DISCOVERY);
    wait_until("it is stale, and the agent begins to renew it", || {
        (requests(&setup.provider, DISCOVERY) > before[0]).then_some(())
    });
    let mut many: Vec<Running> = (0..MANY)
        .map(|number| {
            let ssh = server.plain_ssh(&setup.home);
            ssh.arg(format!("echo {number}")).start()
        })
        .collect();
    wait_until("each of them has a session to ask the agent about", || {
        (server.sshd.log().matches("KEX done").count() == MANY).then_some(())
    });
    setup.provider.hold(TOKEN);
    setup.provider.release(DISCOVERY);
    wait_until("the refresh request is there", || {
        (requests(&setup.provider, TOKEN) > before[1]).then_some(())
    });
    // it is not answered yet; somebody else's ssh comes and goes meanwhile
    let said = setup
        .home
        .command("ssh")
        .env("SSH_AUTH_SOCK", agent_socket(&setup.home))
        .args(others.sshd.ssh_args())
        .args(["127.0.0.1", "echo other"])
        .run();
    assert_eq!(said.stdout(), "other\n");
    let ended = many
        .iter_mut()
        .filter_map(|ssh| ssh.has_ended().then(|| ssh.stderr_so_far()));
    let ended: Vec<_> = ended.collect();
    assert!(
        ended.is_empty(),
        "they wait: {ended:?}\n{}",
        daemon_log(&setup.home)
    );

    // (the server will ask for discovery, too, from here on)
    assert_eq!(requests(&setup.provider, DISCOVERY), before[0] + 1);
    assert_eq!(setup.provider.release(TOKEN), 1, "one request for all");
    for (number, ssh) in many.into_iter().enumerate() {
        assert_eq!(ssh.wait().stdout(), format!("{number}\n"));
    }
    assert_eq!(requests(&setup.provider, TOKEN), before[1] + 1);
    assert_eq!(setup.browser.openings(), 2, "a login each");
    let accounts = status(&setup.home)["accounts"].clone();
    for account in accounts.as_array().unwrap() {
        assert_eq!(account["state"], "usable", "{account}");
        assert!(account["last_error"].is_null(), "{account}");
    }
    let files = fs::read_dir(setup.home.dir().join(".ssh")).unwrap().count();
    assert_eq!(files, 1, "known_hosts, and no key files");
}
