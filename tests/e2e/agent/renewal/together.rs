//! Many ssh at once, with a certificate that has to be renewed first.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use opkssh_test_support::{
    Browser, Home, Part, Provider, ProviderOptions, Running, SecretService, Sshd, left_out,
    wait_until,
};

use super::short_lived;
use crate::agent::servers::Server;
use crate::agent::systemd::activated;
use crate::client::chooser::trust;
use crate::setup::{
    OPKSSH, Setup, agent_socket, daemon_log, entry, kill_daemon, status, write_config,
};

const MANY: usize = 50;
const FEW: usize = 3;
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
fn fifty_ssh_with_a_stale_certificate_make_one_request() {
    if left_out(&[Part::Provider, Part::Sshd, Part::Keyring]) {
        return;
    }
    // a renewal may be on its way when the agent is killed: the answer that it never sees must not
    // have taken its refresh token away
    let options = ProviderOptions {
        rotate_refresh_tokens: false,
        ..short_lived(12)
    };
    let setup = Setup::with(options, &["expiration: oidc", "hosts: [localhost]"]);
    let _keyring = SecretService::start(&setup.home);
    let server = Server::ours(&setup.provider, "oidc");
    setup
        .home
        .write(".ssh/known_hosts", known_as("localhost", &server.sshd));
    setup.login(&[]);
    // nobody renews it until the first of them asks, and starts the agent
    let stale = status(&setup.home)["accounts"][0]["usable_until"].as_u64();
    kill_daemon(&setup.home);
    wait_until("the certificate is stale", || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        (Some(now.as_secs()) > stale).then_some(())
    });
    setup.provider.set_id_token_ttl(3600);
    let before = requests(&setup.provider, TOKEN);
    fs::remove_dir_all(setup.home.runtime_dir().join("opkssh")).unwrap();
    let _systemd = activated(&setup.home);
    let many: Vec<Running> = (0..MANY)
        .map(|number| {
            let ssh = server.plain_ssh(&setup.home);
            ssh.arg(format!("echo {number}")).start()
        })
        .collect();
    for (number, ssh) in many.into_iter().enumerate() {
        let said = ssh.wait();
        let came_in = said.any_stdout() == format!("{number}\n");
        assert!(came_in, "{}\n{}", said.stderr(), server.logs(&setup.home));
    }
    assert_eq!(
        requests(&setup.provider, TOKEN),
        before + 1,
        "one request for all"
    );
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
    let account = status(&setup.home)["accounts"][0].clone();
    assert_eq!(account["state"], "usable", "{account}");
    assert!(account["last_error"].is_null(), "{account}");
    let files = fs::read_dir(setup.home.dir().join(".ssh")).unwrap().count();
    assert_eq!(files, 1, "known_hosts, and no key files");
}

#[test]
fn who_waits_for_a_renewal_holds_nobody_else_up() {
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

    // the next ID token outlives the test; the one before it is stale in six seconds
    setup.provider.set_id_token_ttl(3600);
    let before = requests(&setup.provider, TOKEN);
    setup.provider.hold(TOKEN);
    wait_until("it is stale, and the agent renews it", || {
        (requests(&setup.provider, TOKEN) > before).then_some(())
    });
    let mut few: Vec<Running> = (0..FEW)
        .map(|number| {
            let ssh = server.plain_ssh(&setup.home);
            ssh.arg(format!("echo {number}")).start()
        })
        .collect();
    // their request is not answered yet; somebody else's ssh comes and goes meanwhile
    let said = setup
        .home
        .command("ssh")
        .env("SSH_AUTH_SOCK", agent_socket(&setup.home))
        .args(others.sshd.ssh_args())
        .args(["127.0.0.1", "echo other"])
        .run();
    assert_eq!(said.stdout(), "other\n");
    let waiting = few.iter_mut().all(|ssh| !ssh.has_ended());
    assert!(waiting, "{}", daemon_log(&setup.home));
    assert_eq!(setup.provider.release(TOKEN), 1, "one request for all");
    for (number, ssh) in few.into_iter().enumerate() {
        assert_eq!(ssh.wait().stdout(), format!("{number}\n"));
    }
    assert_eq!(requests(&setup.provider, TOKEN), before + 1);
    assert_eq!(setup.browser.openings(), 2, "a login each");
}
