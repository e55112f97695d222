//! What a login into files keeps to itself: its memory while it runs, an access token in the
//! certificate, and tokens that no file needs.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use opkssh_test_support::{
    Client, Fault, FaultyProvider, Home, Part, ProviderOptions, Run, left_out,
};

use super::{certificate_of, mode, path, umask};
use crate::setup::{OPKSSH, Setup, entry, write_config};

/// A uid that nobody has.
const USER: &str = "41003";

/// `opkssh` in `home` as an ordinary user: root's processes look the same, dumpable or not.
fn as_ordinary_user(home: &Home, args: &[&str]) -> Run {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return home.opkssh(args);
    }
    let root = home.dir().parent().unwrap().to_owned();
    // where every user can execute it, wherever the repository is
    let program = root.join("opkssh");
    let run = |run: Run| run.run().stdout();
    run(home
        .command("install")
        .args(["-m", "755", OPKSSH])
        .arg(&program));
    run(home.command("chown").args(["-R", USER]).arg(&root));
    home.command("setpriv")
        .args(["--reuid", USER, "--regid", USER, "--clear-groups", "--"])
        .arg(&program)
        .args(args)
}

#[test]
fn nobody_else_of_this_user_may_look_into_the_process() {
    let home = Home::new(OPKSSH);
    let provider = FaultyProvider::start(Fault::TokenSilent);
    let client = Client::public("an-id");
    write_config(&home, &[entry("test", provider.issuer(), &client, &[])]);
    let args = ["login", "-p", "--disable-browser-open"];
    let mut login = as_ordinary_user(&home, &args).start();
    login.wait_for("Open your browser to: ");
    let process = format!("/proc/{}", login.pid());
    // proc(5): of a process that is not dumpable, what is in there is root's
    let environment = fs::metadata(format!("{process}/environ")).unwrap();
    assert_eq!(environment.uid(), 0);
    let limits = fs::read_to_string(format!("{process}/limits")).unwrap();
    let core = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max core file size"));
    let core: Vec<_> = core.expect("a limit").split_whitespace().collect();
    assert_eq!(core[..2], ["0", "0"]);
}

#[test]
fn a_certificate_with_an_access_token_is_for_its_owner_only() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let key = setup.home.dir().join("key");
    let certificate = certificate_of(&key);
    // neither file lends its mode to the next login's
    setup.login(&["-i", path(&key)]);
    assert_eq!(mode(&certificate), 0o644 & !umask());
    setup.login(&["-i", path(&key), "--send-access-token"]);
    assert_eq!(mode(&certificate), 0o600);
    setup.login(&["-i", path(&key)]);
    assert_eq!(mode(&certificate), 0o644 & !umask());

    setup.login(&["--files", "--send-access-token"]);
    let slot = setup.home.dir().join(".ssh/id_ecdsa");
    assert_eq!(mode(&certificate_of(&slot)), 0o600);
}

#[test]
fn no_refresh_token_is_asked_for_and_none_is_revoked() {
    if left_out(&[Part::Provider]) {
        return;
    }
    // gives one all the same; its end would be the access token's
    let options = ProviderOptions {
        always_issue_refresh_token: true,
        ..ProviderOptions::default()
    };
    let setup = Setup::with(options, &["access_type: offline"]);
    let key = setup.home.dir().join("key");
    for args in [&["-i", path(&key), "--send-access-token"][..], &["-p"]] {
        let login = setup.home.opkssh(["login"].iter().chain(args)).run();
        let said = login.stdout() + &login.stderr();
        assert!(said.contains("&scope=openid+email+profile&"), "{said}");
        assert!(!said.contains("access_type"), "{said}");
    }
    let log = setup.provider.log();
    let revoked = log.iter().any(|seen| seen.path == "/token/revocation");
    assert!(!revoked, "{log:?}");
    // which is about files
    let said = setup.login(&[]);
    let scope = "&scope=openid+email+profile+offline_access&";
    assert!(
        said.contains(scope) && said.contains("access_type=offline"),
        "{said}"
    );
}
