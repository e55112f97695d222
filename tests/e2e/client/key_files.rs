//! `opkssh login -i`, `-p`, `--files` and `--configure`: keys as files, in the names, modes and
//! words of Go's client, which must understand ours as we understand its.

mod go;
mod guarded;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use opkssh_test_support::{Client, GoPeer, Home, Part, free_port, left_out};

use crate::setup::{OPKSSH, Setup, agent_socket, entry, write_config};

#[test]
fn login_i_writes_key_and_certificate_as_go_does() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let key = setup.home.dir().join("work-key");
    let said = setup.login(&["-i", path(&key)]);
    let written = format!(
        "Writing opk ssh public key to {0}-cert.pub and corresponding secret key to {0}\n",
        key.display()
    );
    assert!(said.contains(&written), "{said}");
    assert!(said.contains("alice@example.com alice"), "{said}");
    pair_is_as_go_writes_it(&setup.home, &key, "openpubkey");
    assert!(!agent_socket(&setup.home).exists(), "no agent was needed");

    if left_out(&[Part::Go]) {
        return;
    }
    let (go, go_key) = (GoPeer::new(), setup.home.dir().join("go-key"));
    go.login(&setup.home, &setup.provider, &go_key, &[])
        .stdout();
    pair_is_as_go_writes_it(&setup.home, &go_key, "openpubkey");
    assert_eq!(shape(&setup.home, &key), shape(&setup.home, &go_key));
}

#[test]
fn a_login_that_fails_leaves_no_directory_behind() {
    let home = Home::new(OPKSSH);
    let nowhere = format!("http://localhost:{}", free_port());
    let entry = entry("test", &nowhere, &Client::public("an-id"), &[]);
    write_config(&home, &[entry]);
    let refused = home.opkssh(["login", "--files"]).run().refused();
    assert!(refused.contains(&nowhere), "{refused}");
    assert!(!home.dir().join(".ssh").exists());
}

#[test]
fn login_i_writes_an_ed25519_pair_too() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let key = setup.home.dir().join("key");
    // an earlier file does not lend its mode to the new key
    fs::write(&key, "").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    setup.login(&["-t", "ed25519", "-i", path(&key)]);
    pair_is_as_go_writes_it(&setup.home, &key, "openpubkey");
    let line = fs::read_to_string(certificate_of(&key)).unwrap();
    assert!(
        line.starts_with("ssh-ed25519-cert-v01@openssh.com "),
        "{line}"
    );
}

#[test]
fn login_p_prints_certificate_and_key_and_writes_nothing() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let before = files_below(&setup.home.dir());
    let said = setup.login(&["-p"]);
    let certificate = said
        .lines()
        .find(|line| line.starts_with("ecdsa-sha2-nistp256-cert-v01@openssh.com "))
        .expect("a certificate line");
    assert_eq!(
        certificate.split(' ').count(),
        2,
        "no comment: {certificate}"
    );
    let (_, rest) = said.split_once(certificate).unwrap();
    let end = "-----END OPENSSH PRIVATE KEY-----\n";
    let (pem, rest) = rest.split_once(end).expect("a private key");
    assert!(
        pem.starts_with("\n-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        "{pem}"
    );
    assert!(rest.starts_with('\n'), "an empty line follows: {rest:?}");
    assert_eq!(files_below(&setup.home.dir()), before);
    assert!(!agent_socket(&setup.home).exists(), "no agent was needed");

    let key = setup
        .home
        .write("printed", format!("{}{end}", pem.trim_start()));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(certificate_of(&key), certificate).unwrap();
    matches_its_certificate(&setup.home, &key);
}

#[test]
fn files_take_the_free_default_slots_and_never_somebody_elses() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let ssh = setup.home.dir().join(".ssh");
    let [first, second] = ["id_ecdsa", "id_ecdsa_sk"].map(|name| ssh.join(name));
    setup.login(&["--files"]);
    pair_is_as_go_writes_it(&setup.home, &first, "openpubkey");
    assert_eq!(mode(&ssh), 0o700);

    // the next login replaces our own pair
    let old = fs::read(&first).unwrap();
    setup.login(&["--files"]);
    assert_ne!(fs::read(&first).unwrap(), old);
    assert!(!second.exists());

    // a key without a certificate of ours is the person's own
    fs::remove_file(certificate_of(&first)).unwrap();
    let own = fs::read(&first).unwrap();
    setup.login(&["--files"]);
    assert_eq!(fs::read(&first).unwrap(), own);
    pair_is_as_go_writes_it(&setup.home, &second, "openpubkey");

    // as is a certificate with another comment
    let line = fs::read_to_string(certificate_of(&second)).unwrap();
    fs::write(certificate_of(&second), line + " of mine").unwrap();
    let own = fs::read(&second).unwrap();
    let refused = setup.home.opkssh(["login", "--files"]).run().refused();
    assert!(
        refused.contains("no default ssh key file free for openpubkey"),
        "{refused}"
    );
    assert!(refused.contains("opkssh login -i FILE"), "{refused}");
    assert_eq!(fs::read(&second).unwrap(), own);
}

#[test]
fn configure_makes_a_directory_that_ssh_includes_and_logins_write_there() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let ssh = setup.home.dir().join(".ssh");
    setup.home.write(".ssh/config", "Host own\n  Port 22\n");
    setup.login(&["--configure"]);
    setup.login(&["--configure"]);
    assert_eq!(
        fs::read_to_string(ssh.join("config")).unwrap(),
        "Include ~/.ssh/opkssh/config\n\nHost own\n  Port 22\n"
    );
    assert_eq!(mode(&ssh.join("opkssh")), 0o700);
    assert_eq!(mode(&ssh.join("opkssh/config")), 0o600);
    assert_eq!(setup.browser.openings(), 0, "configuring is no login");

    let said = setup.login(&["--files"]);
    assert!(
        said.contains("OPK SSH identity directory is configured"),
        "{said}"
    );
    let issuer = setup.provider.issuer();
    let host = issuer.trim_start_matches("https://").replace(':', "_");
    let key = ssh.join(format!("opkssh/{host}-opkssh-test"));
    let comment = format!(" openpubkey: {issuer} opkssh-test");
    pair_is_as_go_writes_it(&setup.home, &key, &comment);
    let config = fs::read_to_string(ssh.join("opkssh/config")).unwrap();
    assert_eq!(config, format!("IdentityFile {}\n", key.display()));
    setup.login(&["--files"]);
    assert_eq!(
        fs::read_to_string(ssh.join("opkssh/config")).unwrap(),
        config
    );

    if left_out(&[Part::Go]) {
        return;
    }
    // Go's login finds the same directory and writes the very same file
    let ours = shape(&setup.home, &key);
    let go = GoPeer::new();
    let said = go
        .command(&setup.home)
        .args(["login", "test"])
        .run()
        .stdout();
    assert!(said.contains(path(&key)), "{said}");
    pair_is_as_go_writes_it(&setup.home, &key, &comment);
    assert_eq!(shape(&setup.home, &key), ours);
    assert_eq!(
        fs::read_to_string(ssh.join("opkssh/config")).unwrap(),
        config
    );
    // and our logout removes it, with its line
    let said = setup.home.opkssh(["logout"]).run().stdout();
    assert!(
        said.contains("Successfully removed 1 opkssh key pair(s)"),
        "{said}"
    );
    assert!(!key.exists() && !certificate_of(&key).exists());
    assert_eq!(fs::read_to_string(ssh.join("opkssh/config")).unwrap(), "");
}

#[track_caller]
fn pair_is_as_go_writes_it(home: &Home, key: &Path, comment: &str) {
    assert_eq!(mode(key), 0o600, "{}", key.display());
    let certificate = certificate_of(key);
    assert_eq!(
        mode(&certificate),
        0o644 & !umask(),
        "{}",
        certificate.display()
    );
    let line = fs::read_to_string(&certificate).expect("a certificate");
    let mut words = line.splitn(3, ' ');
    assert!(
        words
            .next()
            .is_some_and(|word| word.ends_with("-cert-v01@openssh.com"))
    );
    assert!(words.next().is_some_and(|word| word.starts_with("AAAA")));
    assert_eq!(words.next(), Some(comment), "no newline follows either");

    let pem = fs::read_to_string(key).expect("a key");
    assert!(
        pem.starts_with("-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        "no PEM"
    );
    assert!(
        pem.ends_with("-----END OPENSSH PRIVATE KEY-----\n"),
        "no PEM"
    );
    matches_its_certificate(home, key);
}

/// OpenSSH reads the key, its comment is Go's, and the certificate is for it.
#[track_caller]
fn matches_its_certificate(home: &Home, key: &Path) {
    let public = home
        .command("ssh-keygen")
        .args(["-y", "-f", path(key)])
        .run()
        .stdout();
    assert!(public.trim_end().ends_with(" openpubkey cert"), "{public}");
    let public = home.write("public.pub", public);
    let fingerprint = |file: &Path| {
        let shown = home
            .command("ssh-keygen")
            .args(["-l", "-f", path(file)])
            .run()
            .stdout();
        shown.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(fingerprint(&public), fingerprint(&certificate_of(key)));
}

/// `ssh-keygen -L` without what differs from login to login, and without the end of the validity:
/// ours is finite on purpose.
fn shape(home: &Home, key: &Path) -> Vec<String> {
    let certificate = certificate_of(key);
    let keygen = home
        .command("ssh-keygen")
        .args(["-L", "-f", path(&certificate)]);
    let shown = keygen.run().stdout();
    let varies = ["Public key:", "Signing CA:", "Valid:"];
    let lines = shown.lines().skip(1).map(str::trim);
    lines
        .filter(|line| !varies.iter().any(|word| line.starts_with(word)))
        .map(|line| match line.split_once("UNKNOWN OPTION") {
            Some((name, _)) => name.to_owned(),
            None => line.to_owned(),
        })
        .collect()
}

fn certificate_of(key: &Path) -> std::path::PathBuf {
    format!("{}-cert.pub", key.display()).into()
}

fn files_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

fn mode(path: &Path) -> u32 {
    let found = fs::metadata(path);
    let found = found.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    found.permissions().mode() & 0o7777
}

/// What every program of this test inherits.
fn umask() -> u32 {
    let status = fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    u32::from_str_radix(line.expect("a umask").trim(), 8).expect("an octal number")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in ASCII")
}
