//! Files `providers`, picked and made up.

use std::collections::BTreeMap;

use opkssh_test_support::{Part, left_out, user_name};
use serde_json::json;

use super::{BesideGo, Dice, Go, Intended};
use crate::server::verify_refusals::attempt::{Attempt, now};
use crate::server::verify_refusals::forge::CLIENT;

const INTENDED: [Intended; 3] = [
    (
        &["one issuer twice"],
        Go::Refuses,
        "one issuer twice in `providers`",
    ),
    (
        &["bad expiration"],
        Go::Refuses,
        "one row with a bad expiration",
    ),
    (&["hyphen"], Go::Refuses, "(113)"),
];

/// Lines that are a row: what the row means, and ways to write it. ISS is the login's issuer.
const ROWS: [([&str; 3], &[&str]); 20] = [
    (
        ["ISS", "client-1", "24h"],
        &[
            "ISS client-1 24h",
            "ISS\tclient-1\t24h",
            " \t ISS   client-1 \t 24h \t",
            "'ISS' \"client-1\" '2'4\"h\"",
            "\\ISS cli\\ent-1 24h",
            "ISS client-1 24h # our own",
            "ISS client-1 24h#glued",
            "ISS client-1 24h #'",
            "\u{a0}ISS client-1 24h\u{2003}",
            "''ISS'' client-1\"\" 24h''",
        ],
    ),
    (["ISS", "client-1", "12h"], &["ISS client-1 12h"]),
    (["ISS", "client-1", "48h"], &["ISS client-1 48h"]),
    (["ISS", "client-1", "1week"], &["ISS client-1 1week"]),
    (["ISS", "client-1", "never"], &["ISS client-1 never"]),
    (["ISS", "client-1", "oidc"], &["ISS client-1 oidc"]),
    (
        ["ISS", "client-1", "oidc_refreshed"],
        &["ISS client-1 oidc_refreshed"],
    ),
    (
        ["ISS", "other", "24h"],
        &["ISS other 24h", "ISS 'oth'er 24h"],
    ),
    (["ISS", "Client-1", "24h"], &["ISS Client-1 24h"]),
    (
        ["ISS", "client-1,other", "24h"],
        &["ISS client-1,other 24h"],
    ),
    (["ISS/", "client-1", "24h"], &["ISS/ client-1 24h"]),
    (["HTTP", "client-1", "24h"], &["HTTP client-1 24h"]),
    // white space of other kinds is part of a word
    (
        ["ISS", "client-1\u{a0}", "24h"],
        &["ISS client-1\u{a0} 24h"],
    ),
    (
        ["ISS", "client-1", "bad"],
        &["ISS client-1 24H", "ISS client-1 ''", "ISS client-1 1w"],
    ),
    (
        ["ISS", "client-1", "bad "],
        &["ISS client-1 24h,", "ISS client-1 OIDC", "ISS client-1 24"],
    ),
    (
        ["ISS", "client-1", "oidc-refreshed"],
        &["ISS client-1 oidc-refreshed"],
    ),
    (
        ["https://op.example", "x", "24h"],
        &["https://op.example x 24h", "https://op.example x 24h\u{b}"],
    ),
    (
        ["https://op.example", "y", "24h"],
        &["https://op.example y 24h"],
    ),
    (
        ["https://op.example", "x", "bad"],
        &["https://op.example x 5h"],
    ),
    (
        ["https://two.example", "x", "oidc-refreshed"],
        &["https://two.example x oidc-refreshed"],
    ),
];

/// Lines that are none.
const NO_ROWS: [&str; 22] = [
    "",
    "   \t",
    "# ISS client-1 oidc",
    " \t# a comment",
    "#",
    "ISS client-1",
    "ISS client-1 24 h",
    "ISS client-1 24h too many",
    "ISS",
    "ISS client-1\u{a0}24h",
    "ISS client-1\u{b}24h",
    "ISS 'client-1 24h",
    "ISS client-1 \"24h",
    "ISS client-1 24h\\",
    // the hash cuts inside quotes, too
    "ISS 'client-1#' 24h",
    "ISS client-1 #24h",
    "ISS client-1\u{85}24h",
    "https://op.example",
    "https://op.example 'x 24h",
    "\u{feff}",
    "\u{0}",
    "ISS client-1 \u{0}",
];

/// A file: its lines' meanings, and its text.
struct File {
    rows: Vec<[&'static str; 3]>,
    text: String,
}

impl File {
    fn of_row(row: &([&'static str; 3], &[&'static str]), way: usize) -> Self {
        Self {
            rows: vec![row.0],
            text: format!("{}\n", row.1[way]),
        }
    }

    /// Mostly a row that lets in; others, and lines that are none, in any order.
    fn thrown(dice: &mut Dice) -> Self {
        let (good, others) = ROWS.split_at(7);
        let mut lines = Vec::new();
        for (rows, count) in [
            (good, dice.below(8).min(1)),
            (&ROWS[..], dice.below(8) / 5),
            (others, dice.below(3)),
        ] {
            for _ in 0..count {
                let (row, ways) = dice.pick(rows);
                lines.push((Some(*row), *dice.pick(ways)));
            }
        }
        for _ in 0..dice.below(4) {
            lines.push((None, *dice.pick(&NO_ROWS)));
        }
        dice.shuffle(&mut lines);
        let rows = lines.iter().filter_map(|(row, _)| *row).collect();
        let lines: Vec<_> = lines.iter().map(|(_, line)| *line).collect();
        Self {
            rows,
            text: dice.file(&lines),
        }
    }

    fn write(&self, attempt: &Attempt) {
        attempt
            .etc
            .write("providers", &filled(&self.text, &attempt.issuer));
    }

    /// What of the documented differences it has.
    fn traits(&self) -> Vec<&'static str> {
        let mut issuers: Vec<_> = self.rows.iter().map(|row| row[0]).collect();
        issuers.sort_unstable();
        let twice = issuers.windows(2).any(|pair| pair[0] == pair[1]);
        let has = |words: &str| self.rows.iter().any(|row| row[2].starts_with(words));
        [
            (twice, "one issuer twice"),
            (has("bad"), "bad expiration"),
            (has("oidc-refreshed"), "hyphen"),
        ]
        .into_iter()
        .filter_map(|(has, name)| has.then_some(name))
        .collect()
    }

    /// The file that means to Go what this one means to us, for a client.
    fn as_go_would_have_it(&self, client: &str) -> String {
        let mut issuers: BTreeMap<&str, Vec<[&str; 3]>> = BTreeMap::new();
        for row in &self.rows {
            let mut row = *row;
            if row[2] == "oidc-refreshed" {
                row[2] = "oidc_refreshed";
            }
            issuers.entry(row[0]).or_default().push(row);
        }
        issuers.retain(|_, rows| {
            rows.iter()
                .all(|row| row[2] == rows[0][2] && !row[2].starts_with("bad"))
        });
        issuers
            .values()
            .map(|rows| rows.iter().find(|row| row[1] == client).unwrap_or(&rows[0]))
            .map(|row| row.join(" ") + "\n")
            .collect()
    }
}

fn filled(text: &str, issuer: &str) -> String {
    text.replace("ISS", issuer)
        .replace("HTTP", &issuer.replace("http", "HTTP"))
}

/// By name, with the client that they are for.
fn logins() -> Vec<(&'static str, &'static str, Attempt)> {
    let login = |claims: serde_json::Value| {
        Attempt::with(|login| {
            for (claim, value) in claims.as_object().unwrap() {
                login.claims[claim] = value.clone();
            }
        })
    };
    vec![
        ("plain", CLIENT, login(json!({}))),
        ("old", CLIENT, login(json!({"iat": now() - 25 * 3600}))),
        (
            "expired by itself",
            CLIENT,
            login(json!({"exp": now() - 60})),
        ),
        ("other client", "other", login(json!({"aud": "other"}))),
    ]
}

/// Compares, and where the two differ on purpose, asks Go about a file that means the same.
fn compare(beside: &mut BesideGo, file: &File, (name, client, attempt): &(&str, &str, Attempt)) {
    file.write(attempt);
    let (key_type, base64) = attempt.words();
    let words = [&user_name(), &base64, &key_type];
    let (go, ours) = beside.verify(attempt, &words);
    let mut case = file.traits();
    case.push(name);
    if beside.agree(&case, format!("{:?}", file.text), &go, &ours) {
        return;
    }
    let same = file.as_go_would_have_it(client);
    attempt
        .etc
        .write("providers", &filled(&same, &attempt.issuer));
    let go = beside.verify_by_go(attempt, &words);
    assert_eq!(go, ours, "{name}: {:?} is not {same:?}", file.text);
}

#[test]
fn providers_files_that_were_picked() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, logins) = (BesideGo::new(&[]), logins());
    for row in &ROWS[..13] {
        for way in 0..row.1.len() {
            compare(&mut beside, &File::of_row(row, way), &logins[0]);
        }
    }
    for row in &ROWS[..8] {
        for login in &logins[1..] {
            compare(&mut beside, &File::of_row(row, 0), login);
        }
    }
    for line in NO_ROWS {
        let file = File {
            rows: vec![],
            text: line.to_owned(),
        };
        compare(&mut beside, &file, &logins[0]);
    }
    let good = b"ISS client-1 24h";
    for (before, after) in [
        (&b"# \xff\xfe comment\n"[..], &b"\n"[..]),
        (b"https://\xff.example x 24h\n", b"\n"),
        (b"\xef\xbb\xbf", b"\r\n"),
        (b"\xff\xfe", b"\n"),
        (b"# a\r", b"\n"),
        (b"a b c d\r", b"\r"),
    ] {
        let text = [before, good, after].concat();
        compare_bytes(&mut beside, &text, &logins[0]);
    }
    let long = format!("# {}\nISS client-1 24h\n", "x".repeat(300_000));
    compare_bytes(&mut beside, long.as_bytes(), &logins[0]);
    let long = format!(
        "{}ISS client-1 24h\n",
        "https://op.example/X x 24h y\n".repeat(20_000)
    );
    compare_bytes(&mut beside, long.as_bytes(), &logins[0]);
    beside.end(30);
}

/// As [`compare`], for bytes that are no text.
fn compare_bytes(beside: &mut BesideGo, text: &[u8], (name, _, attempt): &(&str, &str, Attempt)) {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.windows(3).position(|three| three == b"ISS") {
        bytes.extend([&rest[..at], attempt.issuer.as_bytes()].concat());
        rest = &rest[at + 3..];
    }
    bytes.extend(rest);
    attempt.etc.write_bytes("providers", &bytes);
    let (key_type, base64) = attempt.words();
    let (go, ours) = beside.verify(attempt, &[&user_name(), &base64, &key_type]);
    beside.agree(
        &[name],
        text[..text.len().min(80)].escape_ascii(),
        &go,
        &ours,
    );
}

#[test]
fn providers_files_that_were_made_up() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, logins) = (BesideGo::new(&INTENDED), logins());
    let mut dice = Dice::new(1);
    for _ in 0..80 {
        let file = File::thrown(&mut dice);
        let login = [0, 0, 1, 2, 3][dice.below(5)];
        compare(&mut beside, &file, &logins[login]);
    }
    beside.end(15);
}
