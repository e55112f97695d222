//! Files `auth_id`, picked and made up: the account's own rows, and others around them.

use opkssh_test_support::{Part, left_out, user_name};
use serde_json::json;

use super::{BesideGo, Dice};
use crate::server::verify_refusals::attempt::{Attempt, now};

/// Rows that let alice in: USER is the account, ISS the issuer.
const GOOD: [&str; 14] = [
    "USER alice@x.example ISS",
    "USER\talice@x.example\tISS",
    " \t USER   alice@x.example \t ISS \t",
    "'USER' \"alice@x.example\" 'ISS'",
    "USER alice@x.example ISS # our own",
    "USER alice@x.example ISS#glued",
    "\\USER alice\\@x.example ISS",
    "''USER'' alice@'x.'example \"\"ISS",
    "\u{a0}USER alice@x.example ISS\u{2003}",
    "USER ALICE@x.example ISS",
    "USER sub-1 ISS",
    "USER oidc:sub:sub-1 ISS",
    "USER 'oidc:\"sub\":sub-1' ISS",
    "USER oidc-match-end:email:@X.example ISS",
];

/// Rows that are about somebody else, or nobody.
const OTHERS: [&str; 24] = [
    "root2 alice@x.example ISS",
    "USER2 alice@x.example ISS",
    "USER,root alice@x.example ISS",
    "* alice@x.example ISS",
    "USER bob@x.example ISS",
    "USER alice@x.exampl ISS",
    "USER Sub-1 ISS",
    "USER * ISS",
    "USER *@x.example ISS",
    "USER 'repo:*' ISS",
    "USER oidc:sub:Sub-1 ISS",
    "USER oidc:nothing:sub-1 ISS",
    "USER OIDC:sub:sub-1 ISS",
    "USER oidc-match-end:email:@y.example ISS",
    "USER alice@x.example ISS/",
    "USER alice@x.example HTTP",
    "USER alice@x.example https://op.example",
    "USER alice@x.example google",
    "USER alice@x.example ''",
    "'' alice@x.example ISS",
    "' USER' alice@x.example ISS",
    "USER 'alice@x.example ' ISS",
    "USER alice@x.example\u{a0} ISS",
    "\"USER\\n\" alice@x.example ISS",
];

/// Lines that are no row.
const NO_ROWS: [&str; 22] = [
    "",
    " \t",
    "# USER alice@x.example ISS",
    "  # USER alice@x.example ISS",
    "#",
    "USER alice@x.example",
    "USER alice@x.example ISS too",
    "USER alice@x.example ISS ''",
    "USER",
    "USER\u{a0}alice@x.example\u{a0}ISS",
    "USER\u{b}alice@x.example\u{b}ISS",
    "USER 'alice@x.example ISS",
    "USER alice@x.example \"ISS",
    "USER alice@x.example ISS\\",
    "USER 'alice@x.example#' ISS",
    "USER alice@x.example #ISS",
    "USER al#ice@x.example ISS",
    "USER alice@x.example \\#ISS",
    "\u{0}",
    "USER\u{0} alice@x.example ISS too",
    "USER $'alice@x.example' ISS x",
    "\u{feff}",
];

struct Stage {
    beside: BesideGo,
    logins: Vec<(&'static str, Attempt)>,
}

impl Stage {
    fn new() -> Self {
        let login = |claims: serde_json::Value| {
            Attempt::with(|login| {
                for (claim, value) in claims.as_object().unwrap() {
                    login.claims[claim] = value.clone();
                }
            })
        };
        Self {
            beside: BesideGo::new(&[]),
            logins: vec![
                ("plain", login(json!({}))),
                ("no email", login(json!({"email": null}))),
                ("old", login(json!({"iat": now() - 25 * 3600}))),
            ],
        }
    }

    /// Of the login with this number; where there is a `home` file, in both places.
    fn compare(&mut self, login: usize, system: &[u8], home: Option<&[u8]>) {
        let (name, attempt) = &self.logins[login];
        attempt
            .etc
            .write_bytes("auth_id", &filled(system, &attempt.issuer));
        if let Some(home) = home {
            attempt.etc.write_home(filled(home, &attempt.issuer));
        }
        let (key_type, base64) = attempt.words();
        let words = [&user_name(), &base64, &key_type];
        let (go, ours) = self.beside.verify(attempt, &words);
        let shown = |text: &[u8]| text[..text.len().min(2000)].escape_ascii().to_string();
        let input = format!("{}\nhome: {:?}", shown(system), home.map(shown));
        self.beside.agree(&[name], input, &go, &ours);
    }
}

/// With the names that stand in for others filled in; bytes stay what they are.
fn filled(text: &[u8], issuer: &str) -> Vec<u8> {
    let mut filled = text.to_vec();
    for (name, value) in [
        ("USER", user_name()),
        ("ISS", issuer.to_owned()),
        ("HTTP", issuer.replace("http", "HTTP")),
    ] {
        let mut start = 0;
        while let Some(at) = find(&filled[start..], name.as_bytes()) {
            filled.splice(start + at..start + at + name.len(), value.bytes());
            start += at + value.len();
        }
    }
    filled
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

fn thrown(dice: &mut Dice) -> String {
    let mut lines = Vec::new();
    for (from, count) in [
        (&GOOD[..], dice.below(3).min(1)),
        (&OTHERS[..], dice.below(4)),
        (&NO_ROWS[..], dice.below(4)),
    ] {
        for _ in 0..count {
            lines.push(*dice.pick(from));
        }
    }
    dice.shuffle(&mut lines);
    dice.file(&lines)
}

#[test]
fn auth_id_files_that_were_picked() {
    if left_out(&[Part::Go]) {
        return;
    }
    let mut stage = Stage::new();
    for line in GOOD.iter().chain(&OTHERS).chain(&NO_ROWS) {
        stage.compare(0, line.as_bytes(), None);
    }
    let good = "USER alice@x.example ISS";
    for text in [
        // nothing that is wrong with one line has to do with another
        &format!("USER 'broken\n{good}\n"),
        &format!("{good}\nUSER 'broken\n"),
        &format!("USER \"broken\n{good}\n\"\n"),
        &format!("{good}\n{good}\n{good}\n"),
        &format!("one\\\n{good}\n"),
        &format!("# \\\n{good}\n"),
        &format!("\r\n\r\n{good}\r\n"),
        &format!("a b c d\r{good}\r"),
        &format!("# a comment\r{good}\n"),
        &format!("{}{good}\n", "# many\n".repeat(50_000)),
        &format!("{}{good}\n", "USER bob@x.example ISS\n".repeat(5_000)),
        &format!("# {}\n{good}\n", "x".repeat(300_000)),
        &format!("USER {} ISS\n{good}\n", "x".repeat(300_000)),
    ] {
        stage.compare(0, text.as_bytes(), None);
    }
    for (before, after) in [
        (&b"# \xff\xfe comment\n"[..], &b"\n"[..]),
        (b"USER \xff@x.example ISS\n", b"\n"),
        (b"\xef\xbb\xbf", b"\r\n"),
        (b"\xff\xfe", b"\n"),
        (b"x\xff", b"\n"),
        (b"\0", b"\n"),
        (b"", b"\xff\n"),
        (b"", b" # \xff\n"),
        (b"", b"\0\n"),
    ] {
        stage.compare(0, &[before, good.as_bytes(), after].concat(), None);
    }
    stage.beside.end(25);
}

#[test]
fn auth_id_files_that_were_made_up() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut stage, mut dice) = (Stage::new(), Dice::new(2));
    for _ in 0..80 {
        // mostly the login that may be let in
        let login = [0, 0, 0, 1, 2][dice.below(5)];
        let text = thrown(&mut dice);
        stage.compare(login, text.as_bytes(), None);
    }
    stage.beside.end(20);
}

#[test]
fn the_file_in_a_home_beside_the_system_s() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut stage, mut dice) = (Stage::new(), Dice::new(3));
    for _ in 0..50 {
        let (system, home) = (thrown(&mut dice), thrown(&mut dice));
        stage.compare(0, system.as_bytes(), Some(home.as_bytes()));
    }
    stage.beside.end(20);
}
