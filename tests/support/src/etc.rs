//! The rules of a server, in the place of `/etc/opk`.

use std::fs::{self, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

/// A directory with `providers` and `auth_id` (mode 0640), for our `verify --etc`
/// and for the Go peer's constant `/etc/opk`; and one for their logs.
pub struct Etc {
    root: TempDir,
}

impl Etc {
    /// No provider, nobody allowed.
    #[expect(clippy::new_without_default, reason = "it makes files")]
    pub fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("ot-")
            .tempdir_in("/tmp")
            .expect("a directory in /tmp");
        // The AuthorizedKeysCommand user may be another than ours.
        fs::set_permissions(root.path(), Permissions::from_mode(0o755)).expect("its mode");
        for directory in ["opk", "log", "home"] {
            fs::create_dir(root.path().join(directory)).expect("a directory of the server");
        }
        let etc = Self { root };
        etc.write("providers", "");
        etc.write("auth_id", "");
        fs::write(etc.log_file(), "").expect("the log file");
        etc
    }

    /// Trusts `issuer` for `client_id`; `expiration` is `12h`, `24h`, `48h`,
    /// `1week`, `oidc`, `oidc_refreshed` or `never`.
    #[must_use]
    pub fn provider(self, issuer: &str, client_id: &str, expiration: &str) -> Self {
        self.append("providers", &format!("{issuer} {client_id} {expiration}\n"));
        self
    }

    /// Lets `identity` (an email, a subject, or `oidc:claim:value`) of `issuer`
    /// log in as `principal`.
    #[must_use]
    pub fn allow(self, principal: &str, identity: &str, issuer: &str) -> Self {
        self.append("auth_id", &format!("{principal} {identity} {issuer}\n"));
        self
    }

    /// Replaces a file of the directory; mode 0640.
    pub fn write(&self, name: &str, text: &str) {
        self.write_bytes(name, text.as_bytes());
    }

    /// As [`Etc::write`], for what is no text.
    pub fn write_bytes(&self, name: &str, bytes: &[u8]) {
        let file = self.dir().join(name);
        fs::write(&file, bytes).expect("a file of the server");
        fs::set_permissions(&file, Permissions::from_mode(0o640)).expect("its mode");
    }

    /// What stands for `/etc/opk`.
    pub fn dir(&self) -> PathBuf {
        self.root.path().join("opk")
    }

    /// What stands for `/var/log`.
    pub fn log_dir(&self) -> PathBuf {
        self.root.path().join("log")
    }

    /// What stands for `/var/log/opkssh.log`.
    pub fn log_file(&self) -> PathBuf {
        self.log_dir().join("opkssh.log")
    }

    /// What stands for `/var/cache/opkssh`; there only after [`Etc::with_cache`].
    pub fn cache_dir(&self) -> PathBuf {
        self.root.path().join("cache")
    }

    /// Makes the key cache's directory.
    #[must_use]
    pub fn with_cache(self) -> Self {
        fs::create_dir(self.cache_dir()).expect("the cache's directory");
        fs::set_permissions(self.cache_dir(), Permissions::from_mode(0o700)).expect("its mode");
        self
    }

    /// The verifier's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// What stands for the local account's home, in the Go peer's namespace.
    pub fn account_home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// Replaces `.opk/auth_id` in that home; mode 0600.
    pub fn write_home(&self, text: impl AsRef<[u8]>) {
        let file = self.account_home().join(".opk/auth_id");
        fs::create_dir_all(file.parent().expect("its directory")).expect("its directory");
        fs::write(&file, text).expect("the account's own file");
        fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("its mode");
    }

    fn append(&self, name: &str, line: &str) {
        let file = self.dir().join(name);
        let mut file = OpenOptions::new()
            .append(true)
            .open(file)
            .expect("a file of the server");
        file.write_all(line.as_bytes()).expect("a row");
    }
}
