//! The Go opkssh, both sides of it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::parts::{PATH, part, program};
use crate::run::Run;
use crate::{Etc, Home, Output, Provider, free_port, user_name};

/// Puts our directories in the place of `/etc` and `/var/log`, whose paths the
/// Go program has as constants. Runs in a mount namespace of its own.
const IN_NAMESPACE: &str = r#"
root=$1 opk=$2 log=$3 ca=$4 path=$5 program=$6
shift 6
mount --rbind /etc "$root/machine-etc"
mount --rbind "$root/etc" /etc
mount --bind "$opk" /etc/opk
mount --bind "$log" /var/log
# our verify keeps keys there, and each test has its own
mount -t tmpfs tmpfs /var/cache
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
exec env -i PATH="$path" SSL_CERT_FILE="$ca" SSL_CERT_DIR=/nonexistent "$program" "$@"
"#;

/// The program, and the namespace root for its `verify`.
pub struct GoPeer {
    binary: PathBuf,
    root: TempDir,
    /// How to make a mount namespace here: as root, or as root of a user namespace.
    unshare: Vec<&'static str>,
}

impl GoPeer {
    #[expect(clippy::new_without_default, reason = "it makes files")]
    pub fn new() -> Self {
        let root = tempfile::Builder::new()
            .prefix("ot-")
            .tempdir_in("/tmp")
            .expect("a directory in /tmp");
        let unshare = [
            vec!["--mount", "--"],
            vec!["--user", "--map-root-user", "--mount", "--"],
        ]
        .into_iter()
        .find(|options| can_unshare(options))
        .expect("no mount namespaces here: the Go peer's verify needs unprivileged user namespaces, or root");
        fs::write(root.path().join("verify.sh"), IN_NAMESPACE).expect("the script");
        let peer = Self {
            binary: part("go-opkssh/usr/bin/opkssh"),
            root,
            unshare,
        };
        peer.lay_out_etc();
        peer
    }

    /// As the program says it, such as `opkssh version 0.16.0`.
    pub fn version(&self) -> String {
        Run::new(&self.binary)
            .arg("--version")
            .run()
            .stdout()
            .trim()
            .to_owned()
    }

    /// Logs in at `provider` through the `$BROWSER` of `home`; leaves the key in
    /// `key_file` and the certificate in `<key_file>-cert.pub`.
    pub fn login(
        &self,
        home: &Home,
        provider: &Provider,
        key_file: &Path,
        more: &[&str],
    ) -> Output {
        // The default ports are one set for the whole machine, and tests run side by side.
        let config = home.write(
            "go-config.yml",
            format!(
                "default_provider: test\nproviders:\n  - alias: test\n    issuer: {}\n    \
                 client_id: {}\n    scopes: openid email profile offline_access\n    redirect_uris:\n      \
                 - http://localhost:{}/login-callback\n",
                provider.issuer(),
                provider.client_id(),
                free_port()
            ),
        );
        home.command(&self.binary)
            .args(["login", "test", "--config-path"])
            .arg(config)
            .arg("-i")
            .arg(key_file)
            .args(more)
            .run()
    }

    /// Any other command of the program, in `home`.
    pub fn command(&self, home: &Home) -> Run {
        home.command(&self.binary)
    }

    /// `verify` under the rules of `etc`. `certificate` is the text of a
    /// certificate file: type, base64, perhaps a comment.
    pub fn verify(&self, etc: &Etc, principal: &str, certificate: &str, ca_file: &Path) -> Output {
        let mut words = certificate.split_whitespace();
        let (key_type, base64) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let command = self.verify_command(etc, ca_file);
        Run::new(&command[0])
            .args(&command[1..])
            .args([principal, base64, key_type])
            .run()
    }

    /// The words in front of `%u %k %t` in sshd's `AuthorizedKeysCommand`; the
    /// first is a program that sshd accepts.
    pub fn verify_command(&self, etc: &Etc, ca_file: &Path) -> Vec<String> {
        let mut words = self.in_namespace(&self.binary, etc, ca_file);
        words.push("verify".to_owned());
        words
    }

    /// `add` to the rules of `etc`.
    pub fn add(&self, etc: &Etc, principal: &str, identity: &str, issuer: &str) -> Output {
        self.server(etc, Path::new("/dev/null"))
            .args(["add", principal, identity, issuer])
            .run()
    }

    /// Any server command, which follows as arguments. It runs as root, and
    /// `opksshuser` is a name for root's group.
    pub fn server(&self, etc: &Etc, ca_file: &Path) -> Run {
        self.server_of(&self.binary, etc, ca_file)
    }

    /// Another program in just the same surroundings, for a comparison.
    pub fn server_of(&self, binary: &Path, etc: &Etc, ca_file: &Path) -> Run {
        let command = self.in_namespace(binary, etc, ca_file);
        Run::new(&command[0]).args(&command[1..])
    }

    fn in_namespace(&self, binary: &Path, etc: &Etc, ca_file: &Path) -> Vec<String> {
        let paths = [
            self.root.path().join("verify.sh"),
            self.root.path().to_owned(),
            etc.dir(),
            etc.log_dir(),
            ca_file.to_owned(),
        ];
        self.use_account_home(etc);
        let mut words = vec![
            "/usr/bin/env".to_owned(),
            program("unshare").display().to_string(),
        ];
        words.extend(self.unshare.iter().map(|&word| word.to_owned()));
        words.extend(["/bin/sh".to_owned(), "-eu".to_owned()]);
        words.extend(paths.iter().map(|path| path.display().to_string()));
        words.extend([PATH.to_owned(), binary.display().to_string()]);
        words
    }

    /// An `/etc` of links to the machine's own entries, which will be mounted
    /// beside it; only `opk`, `passwd` and `group` are ours.
    fn lay_out_etc(&self) {
        let (etc, machine) = (
            self.root.path().join("etc"),
            self.root.path().join("machine-etc"),
        );
        fs::create_dir_all(etc.join("opk")).expect("a place for the rules");
        fs::create_dir(&machine).expect("a place for the machine's");
        // root's, since in a user namespace there is no other group to give files to
        let groups = fs::read_to_string("/etc/group").expect("the group database");
        fs::write(etc.join("group"), format!("opksshuser:x:0:\n{groups}")).expect("the groups");
        for entry in fs::read_dir("/etc").expect("the machine's /etc") {
            let name = entry.expect("an entry").file_name();
            if name != "opk" && name != "passwd" && name != "group" {
                symlink(machine.join(&name), etc.join(&name)).expect("a link");
            }
        }
    }

    /// The current user's home is `etc`'s in there, so that nobody's real
    /// `~/.opk/auth_id` has a say.
    fn use_account_home(&self, etc: &Etc) {
        let user = user_name();
        let passwd = fs::read_to_string("/etc/passwd").expect("the user database");
        let home = etc.account_home();
        let rows = passwd.lines().map(|row| {
            let mut columns: Vec<&str> = row.split(':').collect();
            let home = home.to_string_lossy();
            if columns.len() == 7 && columns[0] == user {
                columns[5] = &home;
                // who makes a user namespace is root in there
                if self.unshare.contains(&"--user") {
                    columns[2] = "0";
                }
            }
            columns.join(":") + "\n"
        });
        let text: String = rows.collect();
        fs::write(self.root.path().join("etc/passwd"), text).expect("the user database in there");
    }
}

fn can_unshare(options: &[&str]) -> bool {
    let unshare = Command::new(program("unshare"))
        .args(options)
        .arg("true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    unshare.is_ok_and(|status| status.success())
}
