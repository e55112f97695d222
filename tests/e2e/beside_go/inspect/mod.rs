//! `opkssh inspect` of the same texts.

mod texts;
mod tokens;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::user_key::UserKey;
use opkssh_test_support::{Home, Part, left_out};

use super::{BesideGo, Dice, Go, Intended, Said};
use crate::server::verify_refusals::forge::{Certificate, Login, ProviderKey};
use crate::setup::OPKSSH;

const CERTIFICATES: [Intended; 4] = [
    (
        &["other kind"],
        Go::Accepts,
        "neither a user's nor a host's",
    ),
    (
        &["far away"],
        Go::SaysOtherwise,
        "dates after the year 9999",
    ),
    (
        &["control characters"],
        Go::SaysOtherwise,
        "control characters",
    ),
    (&["access token"], Go::SaysOtherwise, "| access token |"),
];

struct Stage {
    beside: BesideGo,
    home: Home,
}

impl Stage {
    fn new(intended: &'static [Intended]) -> Self {
        Self {
            beside: BesideGo::new(intended),
            home: Home::new(OPKSSH),
        }
    }

    /// Of a file with this text.
    fn compare(&mut self, name: &str, text: impl AsRef<[u8]>) {
        let file = self.home.write("inspected", &text);
        let start = &text.as_ref()[..text.as_ref().len().min(100)];
        self.run(name, &file.display().to_string(), start.escape_ascii());
    }

    fn run(&mut self, name: &str, argument: &str, shown: impl std::fmt::Display) {
        let go = self
            .beside
            .peer
            .command(&self.home)
            .args(["inspect", argument])
            .run();
        let ours = self.home.opkssh(["inspect", argument]).run();
        let [go, ours] = [go, ours].map(|output| comparable(Said::of(&output)));
        self.beside.agree(&[name], shown, &go, &ours);
    }

    /// Of a certificate and the token in it, changed.
    fn login(&mut self, name: &str, kind: KeyType, change: impl FnOnce(&mut Login)) {
        let mut login = Login::of(ProviderKey::es256(), kind);
        change(&mut login);
        let (kind, base64) = login.words();
        self.compare(name, format!("{kind} {base64} openpubkey\n"));
    }
}

/// Fit to be compared: extensions come in random order from Go.
fn comparable(said: Said) -> Said {
    let Said::Yes(text) = &said else {
        return said;
    };
    let mut lines: Vec<_> = text.lines().collect();
    let start = lines
        .iter()
        .position(|line| *line == "Extensions:")
        .map_or(0, |at| at + 1);
    if start > 0 {
        let length = lines[start..]
            .iter()
            .take_while(|line| line.starts_with("  "))
            .count();
        lines[start..start + length].sort_unstable();
    }
    // the reason is in our own words
    for line in &mut lines {
        if line.starts_with("Error parsing PKToken: ") {
            *line = "Error parsing PKToken: ";
        }
    }
    Said::Yes(lines.join("\n"))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn inspected_certificates() {
    if left_out(&[Part::Go]) {
        return;
    }
    let mut stage = Stage::new(&CERTIFICATES);
    for kind in [KeyType::Ecdsa, KeyType::Ed25519] {
        stage.login("plain", kind, |_| ());
    }
    type Change = fn(&mut Certificate);
    let changes: [(&str, Change); 31] = [
        ("host", |cert| cert.kind = 2),
        ("other kind", |cert| cert.kind = 7),
        ("other kind", |cert| cert.kind = 0),
        ("times", |cert| {
            (cert.after, cert.before) = (1, 1_900_000_000)
        }),
        ("times", |cert| {
            (cert.after, cert.before) = (1_700_000_000, u64::MAX)
        }),
        ("times", |cert| (cert.after, cert.before) = (u64::MAX, 0)),
        ("far away", |cert| {
            (cert.after, cert.before) = (1 << 40, 1 << 50)
        }),
        ("far away", |cert| {
            (cert.after, cert.before) = (253_402_300_799, 253_402_300_800)
        }),
        ("far away", |cert| cert.before = u64::MAX - 1),
        ("far away", |cert| cert.before = 1 << 63),
        ("signature", |cert| cert.break_signature = true),
        ("authority", |cert| {
            cert.authority = UserKey::generate(KeyType::Ed25519).ok()
        }),
        ("critical", |cert| {
            cert.critical = pairs(&[("force-command", "echo 1")])
        }),
        ("critical", |cert| {
            cert.critical = pairs(&[
                ("force-command", "a b"),
                ("source-address", "::1"),
                ("x", ""),
            ]);
        }),
        ("principals", |cert| cert.principals = vec![]),
        ("principals", |cert| cert.principals = vec![String::new()]),
        ("principals", |cert| {
            cert.principals = vec!["a b".into(), "c".into()]
        }),
        ("key id", |cert| cert.key_id = String::new()),
        ("key id", |cert| cert.key_id = "\u{fc}\u{1f600}".into()),
        ("key id", |cert| cert.key_id = "x".repeat(5000)),
        ("control characters", |cert| {
            cert.key_id = "a\nb\u{1b}[2J".into()
        }),
        ("control characters", |cert| {
            cert.principals = vec!["a\u{202e}b".into()]
        }),
        ("control characters", |cert| {
            cert.critical = pairs(&[("a\n", "b")])
        }),
        ("no token", |cert| cert.extensions = Some(vec![])),
        ("no token", |cert| {
            cert.extensions = Some(pairs(&[("permit-pty", "")]))
        }),
        ("no token", |cert| {
            cert.extensions = Some(pairs(&[("a", "1"), ("permit-pty", "x")]))
        }),
        ("empty token", |cert| {
            cert.extensions = Some(pairs(&[("openpubkey-pkt", "")]))
        }),
        ("broken token", |cert| {
            cert.extensions = Some(pairs(&[("openpubkey-pkt", "x")]))
        }),
        ("broken token", |cert| {
            cert.extensions = Some(pairs(&[("openpubkey-pkt", "a:b:c")]))
        }),
        ("access token", |cert| {
            cert.extensions = Some(pairs(&[("openpubkey-act", "secret"), ("permit-pty", "")]));
        }),
        ("control characters", |cert| {
            cert.extensions = Some(pairs(&[("a\n", "b\u{9b}")]))
        }),
    ];
    for (name, change) in changes {
        stage.login(name, KeyType::Ecdsa, |login| change(&mut login.certificate));
    }
    stage.beside.end(15);
}

#[test]
fn inspected_certificates_with_a_few_bytes_changed() {
    if left_out(&[Part::Go]) {
        return;
    }
    const CHANGED: [Intended; 3] = [
        (
            &["changed"],
            Go::SaysOtherwise,
            "that `verify` refuses for its form",
        ),
        (&["changed"], Go::Accepts, "text that is not UTF-8"),
        (&["changed"], Go::Refuses, "no point of its curve"),
    ];
    let (mut stage, mut dice) = (Stage::new(&CHANGED), Dice::new(5));
    let login = Login::new();
    let (kind, base64) = login.words();
    let blob = STANDARD.decode(base64).unwrap();
    for round in 0..120 {
        let (changed, at) = dice.change(&blob, round);
        let line = format!("{kind} {}\n", STANDARD.encode(&changed));
        stage.home.write("inspected", &line);
        let file = stage.home.dir().join("inspected").display().to_string();
        stage.run("changed", &file, format!("at {at} of {}", blob.len()));
    }
    stage.beside.end(10);
}
