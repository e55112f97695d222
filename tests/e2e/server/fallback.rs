//! One AuthorizedKeysCommand for all, at a real sshd: our certificates, the plain keys that a
//! fallback command knows, and certificates of the site's own authority.

mod limits;

use std::fs;
use std::path::Path;

use opkssh_test_support::{Home, Output, Part, Sshd, Verifier, left_out, user_name};

use crate::server::verify_refusals::attempt::Attempt;
use crate::setup::OPKSSH;

#[test]
fn plain_keys_by_the_fallback_site_certificates_by_sshd_and_ours_by_us() {
    if left_out(&[Part::Sshd]) {
        return;
    }
    let attempt = Attempt::new();
    let home = &attempt.home;
    let known = plain_key(home, "known");
    let unknown = plain_key(home, "unknown");
    let site = site_certificate(home, "employee");

    let keys = home.write(
        "known.keys",
        fs::read_to_string(format!("{known}.pub")).unwrap(),
    );
    attempt.etc.write(
        "server.yml",
        &format!("fallback:\n  command: [/bin/cat, {}]\n", keys.display()),
    );
    let principals = home.write("principals", "staff\n");
    let sshd = Sshd::start_with(
        Verifier::Ours {
            binary: Path::new(OPKSSH),
            etc: &attempt.etc,
        },
        Path::new("/dev/null"),
        &format!(
            "TrustedUserCAKeys {}\nAuthorizedPrincipalsFile {}",
            home.dir().join("site-ca.pub").display(),
            principals.display()
        ),
    );

    assert_eq!(ssh(home, &sshd, &known).stdout(), "in\n");
    assert!(
        attempt.etc.log().contains("fallback=/bin/cat bytes="),
        "{}",
        attempt.etc.log()
    );
    let refused = ssh(home, &sshd, &unknown);
    assert_eq!(refused.code(), Some(255));
    assert_eq!(ssh(home, &sshd, &site).stdout(), "in\n");
    assert_eq!(attempt.requests(), 0, "the provider has no part in that");

    let ours = our_key(&attempt);
    assert_eq!(ssh(home, &sshd, &ours).stdout(), "in\n");
    // refused by our rules, and the fallback does not know it
    attempt.etc.write("auth_id", "");
    assert_eq!(ssh(home, &sshd, &ours).code(), Some(255));
    assert_eq!(ssh(home, &sshd, &known).stdout(), "in\n");

    // whom nobody may become, nobody becomes by the fallback
    let deny = format!("deny_users: [{}]\n", user_name());
    attempt.etc.write("config.yml", &deny);
    assert_eq!(ssh(home, &sshd, &known).code(), Some(255));
}

fn ssh(home: &Home, sshd: &Sshd, key: &str) -> Output {
    home.command("ssh")
        .args(sshd.ssh_args())
        .args(["-o", "IdentitiesOnly=yes", "-i", key])
        .args(["127.0.0.1", "echo in"])
        .run()
}

fn plain_key(home: &Home, name: &str) -> String {
    let path = home.dir().join(name).display().to_string();
    let args = ["-q", "-t", "ed25519", "-N", "", "-f", &path];
    home.command("ssh-keygen").args(args).run().stdout();
    path
}

/// A key with a certificate of an authority that sshd trusts; its principal is `staff`.
fn site_certificate(home: &Home, name: &str) -> String {
    let authority = plain_key(home, "site-ca");
    let key = plain_key(home, name);
    let public = format!("{key}.pub");
    let args = ["-q", "-s", &authority, "-I", name, "-n", "staff", &public];
    home.command("ssh-keygen").args(args).run().stdout();
    key
}

fn our_key(attempt: &Attempt) -> String {
    let pem = attempt.key.to_openssh_pem("ours").unwrap();
    let key = attempt.home.write("ours", pem.expose());
    let chmod = attempt.home.command("chmod").arg("600").arg(&key);
    chmod.run().stdout();
    let (key_type, base64) = attempt.words();
    let certificate = format!("{key_type} {base64}\n");
    attempt.home.write("ours-cert.pub", certificate);
    key.display().to_string()
}
