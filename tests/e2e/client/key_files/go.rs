//! Files of ours in the hands of Go's client, and of its in ours.

use opkssh_test_support::{GoPeer, Part, left_out};

use super::{certificate_of, path};
use crate::setup::Setup;

#[test]
fn go_inspects_and_logs_out_of_our_files() {
    if left_out(&[Part::Provider, Part::Go]) {
        return;
    }
    let (setup, go) = (Setup::new(), GoPeer::new());
    let ssh = setup.home.dir().join(".ssh");
    let named = setup.home.dir().join("named");
    setup.login(&["--files"]);
    setup.login(&["--files", "-t", "ed25519"]);
    setup.login(&["-i", path(&named)]);

    let certificate = certificate_of(&named);
    let inspect = |program: &str| match program {
        "go" => go
            .command(&setup.home)
            .arg("inspect")
            .arg(&certificate)
            .run()
            .stdout(),
        _ => setup
            .home
            .opkssh(["inspect", path(&certificate)])
            .run()
            .stdout(),
    };
    let (ours, theirs) = (inspect("ours"), inspect("go"));
    assert_eq!(in_order(&ours), in_order(&theirs));
    assert!(theirs.contains("alice@example.com"), "{theirs}");

    let said = go.command(&setup.home).arg("logout").run().stdout();
    assert!(
        said.contains("Successfully removed 2 opkssh key pair(s)"),
        "{said}"
    );
    for slot in ["id_ecdsa", "id_ed25519"] {
        assert!(!ssh.join(slot).exists() && !certificate_of(&ssh.join(slot)).exists());
    }
    let args = ["logout", "-i", path(&named)];
    go.command(&setup.home).args(args).run().stdout();
    assert!(!named.exists() && !certificate.exists());
}

#[test]
fn we_inspect_and_log_out_of_gos_files() {
    if left_out(&[Part::Provider, Part::Go]) {
        return;
    }
    let (setup, go) = (Setup::new(), GoPeer::new());
    let ssh = setup.home.dir().join(".ssh");
    let named = setup.home.dir().join("named");
    go.command(&setup.home)
        .args(["login", "test"])
        .run()
        .stdout();
    go.command(&setup.home)
        .args(["login", "test", "-t", "ed25519"])
        .run()
        .stdout();
    go.login(&setup.home, &setup.provider, &named, &[]).stdout();

    let certificate = certificate_of(&named);
    let ours = setup
        .home
        .opkssh(["inspect", path(&certificate)])
        .run()
        .stdout();
    let theirs = go
        .command(&setup.home)
        .arg("inspect")
        .arg(&certificate)
        .run()
        .stdout();
    assert_eq!(in_order(&ours), in_order(&theirs));

    // a key of the person's own is nobody's business
    let own = ssh.join("id_ed25519_sk");
    let made = setup
        .home
        .command("ssh-keygen")
        .args(["-q", "-N", "", "-f", path(&own)]);
    made.run().stdout();
    let said = setup.home.opkssh(["logout"]).run().stdout();
    assert!(
        said.contains("Successfully removed 2 opkssh key pair(s)"),
        "{said}"
    );
    for slot in ["id_ecdsa", "id_ed25519"] {
        assert!(!ssh.join(slot).exists() && !certificate_of(&ssh.join(slot)).exists());
    }
    let refused = setup
        .home
        .opkssh(["logout", "-i", path(&own)])
        .run()
        .refused();
    assert!(
        refused.contains("could not read certificate file"),
        "{refused}"
    );
    assert!(own.exists());

    let said = setup
        .home
        .opkssh(["logout", "-i", path(&named)])
        .run()
        .stdout();
    assert_eq!(
        said,
        format!(
            "Successfully removed opkssh key pair: {}\n",
            named.display()
        )
    );
    assert!(!named.exists() && !certificate.exists());
    let said = setup.home.opkssh(["logout"]).run().stdout();
    assert_eq!(
        said,
        "Nobody is logged in\nNo opkssh keys found to remove\n"
    );
}

/// `inspect` with its extensions sorted: Go's are in the order of chance.
fn in_order(inspected: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = inspected.lines().collect();
    let start = lines.iter().position(|line| *line == "Extensions:");
    let start = start.expect("a list of extensions") + 1;
    let length = lines[start..]
        .iter()
        .take_while(|line| !line.is_empty())
        .count();
    lines[start..start + length].sort_unstable();
    lines
}
