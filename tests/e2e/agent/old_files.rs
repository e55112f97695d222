//! The agent starts on files that an earlier version wrote: `tests/fixtures/old_agent/`, whose
//! README says how they were made.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use opkssh_test_support::{
    Browser, Client, Home, MintingProvider, OnRefresh, Part, SecretService, left_out, wait_until,
};

use crate::agent::store::{index, stored_text};
use crate::setup::{OPKSSH, agent_socket, entry, kill_daemon, status, write_config};

const PASSPHRASE: &str = "a passphrase of the tests";
const PASSWORD: &str = "lock it with this";
const NO_IDENTITIES: &str = "The agent has no identities.\n";

/// A home with the files of one case, which name a provider on this port. Nobody is there unless a
/// test starts a provider.
struct Old {
    case: &'static str,
    home: Home,
}

impl Old {
    fn new(case: &'static str, port: u16, expiration: &str) -> Self {
        let home = Home::new(OPKSSH);
        let client = Client::public(MintingProvider::CLIENT);
        let issuer = format!("http://localhost:{port}");
        write_config(&home, &[entry("test", &issuer, &client, &[expiration])]);
        let old = Self { case, home };
        old.copy("state", Path::new(".local/state/opkssh"));
        old
    }

    fn fixture(&self, name: &str) -> PathBuf {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/old_agent");
        fixtures.join(self.case).join(name)
    }

    fn copy(&self, directory: &str, to: &Path) {
        for found in fs::read_dir(self.fixture(directory)).expect("the fixture") {
            let found = found.expect("an entry");
            let name = found.file_name().into_string().expect("a plain name");
            let to = to.join(&name);
            if found.path().is_dir() {
                self.copy(&format!("{directory}/{name}"), &to);
            } else {
                let file = self.home.write(to, fs::read(found.path()).expect("a file"));
                fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("its mode");
            }
        }
    }

    /// Starts a keyring that holds the old agent's items for these accounts.
    fn keyring(&self, accounts: &[&str]) -> SecretService<'_> {
        let keyring = SecretService::start(&self.home);
        for account in accounts {
            let item = fs::read(self.fixture(&format!("item-{account}"))).expect("an item");
            let label = format!("keyring:{account}@opkssh-agent");
            let store = self
                .home
                .command("secret-tool")
                .args(["store", "--label", &label]);
            let store = store.args(["service", "opkssh-agent", "username", account]);
            store.stdin(item).run().stdout();
        }
        keyring
    }

    /// What `ssh-add -l` said while the old agent ran.
    fn identities(&self) -> String {
        fs::read_to_string(self.fixture("identities")).expect("the fixture")
    }

    fn start(&self) {
        self.home.opkssh(["agent", "start"]).run().stdout();
    }

    fn list(&self) -> String {
        let ssh_add = self.home.command("ssh-add").arg("-l");
        let list = ssh_add.env("SSH_AUTH_SOCK", agent_socket(&self.home)).run();
        sorted(&list.any_stdout())
    }

    fn lists_what_it_listed(&self) {
        let identities = sorted(&self.identities());
        wait_until("the identities are listed", || {
            (self.list() == identities).then_some(())
        });
    }

    /// All accounts are usable, in `status` and to ssh.
    fn is_as_it_was(&self) {
        self.lists_what_it_listed();
        let accounts = status(&self.home)["accounts"].clone();
        let accounts = accounts.as_array().expect("a list");
        assert_eq!(accounts.len(), self.identities().lines().count());
        for account in accounts {
            assert_eq!(account["state"], "usable", "{account}");
            assert_eq!(account["renewal"], "by-itself", "{account}");
            assert_eq!(account["subject"], MintingProvider::SUBJECT, "{account}");
        }
        for account in ["test", "work"] {
            self.home.opkssh(["check", account]).run().stdout();
            self.signs(account);
        }
    }

    fn signs(&self, account: &str) {
        let with_agent = |args: &[&str]| {
            let run = self.home.command("ssh-add").args(args);
            run.env("SSH_AUTH_SOCK", agent_socket(&self.home)).run()
        };
        let keys = with_agent(&["-L"]).stdout();
        let name = format!(" opkssh {account} ");
        let key = keys.lines().find(|line| line.contains(&name));
        let file = self.home.write("cert.pub", key.expect("its certificate"));
        let tried = with_agent(&["-T", &file.display().to_string()]);
        assert!(tried.success(), "{}", tried.stderr());
    }

    fn unlock(&self, password: &str) -> String {
        let unlock = self.home.opkssh(["agent", "unlock"]).stdin(password);
        unlock.run().stdout()
    }
}

fn sorted(list: &str) -> String {
    let mut lines: Vec<_> = list.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.concat()
}

/// A provider where the old agent's was. It has forgotten all tokens.
fn provider(port: u16) -> MintingProvider {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_secs().try_into().unwrap();
    MintingProvider::start_at(port, OnRefresh::RepeatsNonce, 3600, now)
}

#[test]
fn accounts_in_the_file_store_come_back_with_the_passphrase() {
    let old = Old::new("file", 11841, "expiration: never");
    old.start();
    assert_eq!(old.list(), NO_IDENTITIES);
    let report = status(&old.home);
    assert_eq!(report["agent"]["locked"], serde_json::json!(["store"]));
    let wrong = old.home.opkssh(["agent", "unlock"]).stdin("wrong").run();
    assert!(wrong.refused().contains("wrong password"));
    assert_eq!(
        old.unlock(PASSPHRASE),
        "The encrypted file store is unlocked.\n"
    );
    old.is_as_it_was();
    // and once more, from what the new one has written
    kill_daemon(&old.home);
    old.start();
    old.unlock(PASSPHRASE);
    old.is_as_it_was();
}

#[test]
fn accounts_sealed_in_the_file_store_come_back_with_both_passwords() {
    let old = Old::new("sealed_file", 11842, "expiration: never");
    old.start();
    assert_eq!(old.list(), NO_IDENTITIES);
    let report = status(&old.home);
    assert_eq!(report["accounts"], serde_json::json!([]));
    let refused = old.home.opkssh(["check"]).run().inconclusive();
    assert!(refused.contains("the agent is locked"), "{refused}");
    old.unlock(&format!("{PASSWORD}\n{PASSPHRASE}\n"));
    old.is_as_it_was();
    wait_until("the seal is gone", || {
        let is_gone = !old
            .home
            .dir()
            .join(".local/state/opkssh/seal.json")
            .exists();
        (is_gone && !index(&old.home).contains("\"sealed\"")).then_some(())
    });
}

#[test]
fn accounts_in_the_keyring_come_back() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let old = Old::new("keyring", 11843, "expiration: never");
    let _keyring = old.keyring(&["test", "work"]);
    old.start();
    old.is_as_it_was();
    kill_daemon(&old.home);
    old.start();
    old.is_as_it_was();
}

#[test]
fn accounts_sealed_in_the_keyring_come_back_with_the_password() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let old = Old::new("sealed_keyring", 11844, "expiration: never");
    let _keyring = old.keyring(&["test", "work"]);
    old.start();
    assert_eq!(old.list(), NO_IDENTITIES);
    let wrong = old.home.opkssh(["agent", "unlock"]).stdin("wrong").run();
    assert!(wrong.refused().contains("wrong password"));
    assert_eq!(old.unlock(PASSWORD), "The agent is unlocked.\n");
    old.is_as_it_was();
    wait_until("the record is in clear", || {
        stored_text(&old.home).starts_with('{').then_some(())
    });
}

#[test]
fn an_account_that_was_leaving_is_gone_for_good_and_the_other_stays() {
    if left_out(&[Part::Keyring]) {
        return;
    }
    let old = Old::new("leaving", 11845, "expiration: never");
    let provider = provider(11845);
    let _keyring = old.keyring(&["test", "work"]);
    let kept = |list: &str| {
        let lines = list.lines().filter(|line| line.contains(" opkssh work "));
        lines.map(|line| format!("{line}\n")).collect::<String>()
    };
    let expected = kept(&old.identities());
    for _ in 0..2 {
        old.start();
        wait_until("the other account is listed", || {
            (old.list() == expected).then_some(())
        });
        wait_until("nothing is left of the account", || {
            let is_left =
                index(&old.home).contains("leaving") || !stored_text(&old.home).is_empty();
            (!is_left).then_some(())
        });
        assert_eq!(provider.revoked().len(), 1, "the provider was told, once");
        let accounts = status(&old.home)["accounts"].clone();
        let accounts = accounts.as_array().expect("a list");
        assert_eq!(accounts.len(), 1, "{accounts:?}");
        assert_eq!(accounts[0]["alias"], "work");
        old.home.opkssh(["check", "work"]).run().stdout();
        kill_daemon(&old.home);
    }
}

#[test]
fn a_renewal_that_was_cut_off_is_told_when_the_provider_refuses_and_a_login_helps() {
    if left_out(&[Part::Keyring, Part::Provider]) {
        return;
    }
    let old = Old::new("cut_off_renewal", 11846, "expiration: oidc");
    let provider = provider(11846);
    let browser = Browser::install(&old.home);
    let _keyring = old.keyring(&["test"]);
    old.start();
    let said = wait_until("the account says that a login is needed", || {
        let checked = old.home.opkssh(["check"]).run();
        let said = checked.any_stdout();
        let is_told = checked.code() == Some(1) && said.contains("answer never arrived");
        is_told.then(|| checked.stderr())
    });
    assert_eq!(said, "hint: log in: opkssh login test\n");
    let account = status(&old.home)["accounts"][0].clone();
    assert_eq!(account["state"], "login-needed", "{account}");
    let error = account["last_error"].as_str().unwrap_or_default();
    assert!(error.contains("answer never arrived"), "{account}");
    assert_eq!(browser.openings(), 0);

    old.home.opkssh(["login"]).run().stdout();
    old.home.opkssh(["check"]).run().stdout();
    assert_eq!(provider.authorizations(), 1);
}
