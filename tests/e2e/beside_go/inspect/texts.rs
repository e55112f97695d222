//! Inspected texts around keys, and keys of all kinds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::{Part, left_out};

use super::Stage;
use crate::beside_go::{Go, Intended};
use crate::server::verify_refusals::forge::Login;
use crate::server::verify_refusals::forge::certificate::openssh;

#[test]
fn inspected_texts() {
    if left_out(&[Part::Go]) {
        return;
    }
    const TEXTS: [Intended; 1] = [(&["odd type"], Go::Accepts, "one build shows the key")];
    let mut stage = Stage::new(&TEXTS);
    let login = Login::new();
    let (kind, base64) = login.words();
    let line = format!("{kind} {base64}");
    let key = openssh(&login.user_key);
    let ed25519 = openssh(&UserKey::generate(KeyType::Ed25519).unwrap());
    let (key_kind, key_base64) = key.split_once(' ').unwrap();
    for (name, text) in [
        ("key", key.clone()),
        ("key", format!("{ed25519} a comment\n")),
        ("key", format!("{key}\r\n")),
        ("certificate", line.clone()),
        ("certificate", format!("{line} openpubkey")),
        ("certificate", format!("\n\n# comment\n{line}\n{key}\n")),
        ("options", format!("no-pty {key}")),
        ("options", format!("no-pty,command=\"a b\" {line} x\n")),
        (
            "options",
            format!("cert-authority,principals=\"a,b\" {key}\n"),
        ),
        ("options", format!("command=\"a {key}\" {ed25519}\n")),
        ("options", format!("command=\"a\\\" b\" {key}\n")),
        ("options", format!("command=\"a b {key}\n")),
        ("options", format!("no pty {key}")),
        ("several", format!("junk\n{key}\n{ed25519}\n")),
        ("several", format!("{key_kind} junk\n{ed25519}\n")),
        ("several", format!("{key_kind} AAAA\n{ed25519}\n")),
        ("space", format!("  \t{key}")),
        ("space", format!("{key_kind}   {key_base64}")),
        ("space", format!("{key_kind}\t{key_base64}")),
        ("none", String::new()),
        ("none", "\n# only\n".to_owned()),
        ("none", "junk".to_owned()),
        ("none", key_kind.to_owned()),
        ("none", key_base64.to_owned()),
        ("none", format!("# {key}")),
        ("odd type", format!("ssh-rsa {key_base64}")),
        ("none", format!("{key_kind} {}", &key_base64[..40])),
        ("none", format!("{key_kind} {}=", key_base64)),
        (
            "none",
            format!("{key_kind} {}", key_base64.trim_end_matches('=')),
        ),
        ("none", format!("{kind} {}", &base64[..400])),
        ("odd type", format!("{kind} {key_base64}")),
        ("odd type", format!("{key_kind} {base64}")),
        (
            "none",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n".to_owned(),
        ),
        ("none", "ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAAE= x".to_owned()),
    ] {
        stage.compare(name, &text);
        if !text.contains('\0') {
            let start: String = text.chars().take(80).collect();
            stage.run(name, &text, format!("argument {start:?}"));
        }
    }
    for text in [&b"\xff\xfe\n"[..], b"\0", b"\xef\xbb\xbf"] {
        let name = if text.ends_with(b"\n") {
            "bytes"
        } else {
            "odd type"
        };
        stage.compare(name, [text, key.as_bytes()].concat());
        stage.compare("bytes", [key.as_bytes(), b" ", text].concat());
    }
    keys_of_other_kinds(&mut stage);
    let directory = stage.home.dir().display().to_string();
    stage.run("none", &directory, "a directory");
    stage.run("none", "/nonexistent", "no file");
    stage.beside.end(15);
}

/// Keys of OpenSSH, and certificates that a site has signed.
fn keys_of_other_kinds(stage: &mut Stage) {
    let keygen = |stage: &Stage, words: &[&str]| {
        stage.home.command("ssh-keygen").args(words).run().stdout();
    };
    keygen(stage, &["-q", "-t", "ed25519", "-N", "", "-f", "ca"]);
    for (kind, bits) in [
        ("rsa", "2048"),
        ("ecdsa", "256"),
        ("ecdsa", "384"),
        ("ecdsa", "521"),
        ("ed25519", "256"),
    ] {
        let name = format!("{kind}{bits}");
        keygen(
            stage,
            &["-q", "-t", kind, "-b", bits, "-N", "", "-f", &name],
        );
        let mut words = vec!["-q", "-s", "ca", "-I", "a person", "-n", "a,b", "-V"];
        words.extend([
            "20200101Z:20990101Z",
            "-O",
            "force-command=echo 1",
            "-O",
            "no-pty",
            &name,
        ]);
        keygen(stage, &words);
        for suffix in [".pub", "-cert.pub"] {
            let file = stage.home.dir().join(name.clone() + suffix);
            let text = std::fs::read(file).unwrap();
            stage.compare("key", text);
        }
        let private = std::fs::read(stage.home.dir().join(&name)).unwrap();
        stage.compare("private key", private);
    }
    let string = |bytes: &[u8]| {
        let length = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&length, bytes].concat()
    };
    let kind = "sk-ssh-ed25519@openssh.com";
    let blob = [string(kind.as_bytes()), string(&[7; 32]), string(b"ssh:")].concat();
    stage.compare("key", format!("{kind} {}\n", STANDARD.encode(&blob)));
    let kind = "ssh-unknown";
    let blob = [string(kind.as_bytes()), string(&[7; 32])].concat();
    stage.compare("none", format!("{kind} {}\n", STANDARD.encode(&blob)));
}
