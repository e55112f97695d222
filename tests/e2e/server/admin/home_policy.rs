//! A local account's own `~/.opk/auth_id`. Nobody's real home is touched: a mount namespace has a
//! user database of the test's own, whose only account lives in the test's home.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use opkssh_test_support::{Home, Output, Part, left_out, user_name};

use crate::agent::servers::our_verify;
use crate::setup::{OPKSSH, Setup};

const ACCOUNT: &str = "opkssh-e2e-visitor";

/// `opkssh` with these arguments, where the account is.
fn opkssh(home: &Home, args: &[&str]) -> Output {
    // root in there, whoever runs the tests
    let passwd = format!("{ACCOUNT}:x:0:0::{}:/bin/sh\n", home.dir().display());
    let passwd = home.write("passwd", passwd);
    let is_root = user_name() == "root";
    let namespace: &[&str] = if is_root {
        &["--mount"]
    } else {
        &["--user", "--map-root-user", "--mount"]
    };
    home.command("unshare")
        .args(namespace)
        .args([
            "sh",
            "-euc",
            "mount --bind \"$1\" /etc/passwd; shift; exec \"$@\"",
            "sh",
        ])
        .arg(passwd)
        .arg(OPKSSH)
        .args(args)
        .run()
}

fn write_policy(home: &Home, text: &str, mode: u32) -> PathBuf {
    let file = home.write(".opk/auth_id", text);
    fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
    file
}

#[test]
fn readhome_prints_the_account_s_own_private_file() {
    let home = Home::new(OPKSSH);
    let text = "opkssh-e2e-visitor alice@example.com https://id.example\n# and no more";
    write_policy(&home, text, 0o600);
    assert_eq!(opkssh(&home, &["readhome", ACCOUNT]).stdout(), text);
}

#[test]
fn readhome_prints_nothing_else() {
    let home = Home::new(OPKSSH);
    let refused = |account: &str, why: &str| {
        let output = opkssh(&home, &["readhome", account]);
        assert!(
            output.refused().contains(why),
            "not {why:?}: {}",
            output.stderr()
        );
        assert_eq!(output.any_stdout(), "");
    };
    refused(ACCOUNT, "No such file");
    let file = write_policy(&home, "secret", 0o644);
    refused(ACCOUNT, "has insecure permissions");
    fs::remove_file(&file).unwrap();
    // root would follow it to any file of the machine
    let target = home.write("target", "secret");
    fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
    symlink(&target, &file).unwrap();
    refused(ACCOUNT, "is a symlink");
    for account in ["no-such-account", "0"] {
        refused(account, "failed to find user");
    }
    for account in ["../root", "a b", ""] {
        refused(account, "is not a valid linux username");
    }
}

#[test]
fn verify_reads_it_where_the_system_s_file_has_no_row() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let etc = crate::agent::servers::rules(&setup.provider, "24h");
    let certificate = setup.certificate();
    let words: Vec<_> = certificate.split(' ').collect();
    let (directory, log) = (
        etc.dir().display().to_string(),
        etc.log_file().display().to_string(),
    );
    let verify = || {
        let command = [
            "verify",
            "--etc",
            &directory,
            "--log-file",
            &log,
            ACCOUNT,
            words[1],
            words[0],
        ];
        opkssh(&setup.home, &command)
    };
    assert!(
        verify()
            .refused()
            .contains("no policy to allow alice@example.com")
    );

    let row = format!("{ACCOUNT} alice@example.com {}\n", setup.provider.issuer());
    write_policy(&setup.home, &row, 0o600);
    let line = verify().stdout();
    assert_eq!(
        line,
        our_verify(&setup.home, &etc, &user_name(), &certificate).stdout()
    );
    // only for that account
    write_policy(&setup.home, &row.replace(ACCOUNT, "root"), 0o600);
    let _ = verify().refused();
    // and not when others may read it
    write_policy(&setup.home, &row, 0o644);
    let _ = verify().refused();
    assert!(
        etc.log().contains("has insecure permissions"),
        "{}",
        etc.log()
    );
}
