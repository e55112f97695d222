//! The account that sshd asks about (`%u`), and further words of its command line.

use opkssh_test_support::{Part, left_out, user_name};

use super::{BesideGo, Go, Intended};
use crate::server::verify_refusals::attempt::Attempt;

const ACCOUNTS: [&str; 26] = [
    "root",
    "ROOT",
    "Root",
    "daemon",
    "no-such-account",
    "",
    " ",
    "a b",
    " root",
    "root ",
    "*",
    "r*t",
    "a,b",
    "a:b",
    "user@x.example",
    "DOMAIN\\user",
    "../root",
    "/",
    "ro\"ot",
    "ro'ot",
    "$USER",
    "~",
    "root\u{a0}",
    "rööt",
    "\u{212a}urt",
    "0",
];

/// Not in a table, ever: what cuts a line or ends it.
const NEVER: [&str; 4] = ["ro#ot", "root\n", "root\nroot", "\u{feff}root"];

const OPTIONS: [Intended; 1] = [(&["extra"], Go::Refuses, "(27)")];

/// In single quotes, which both read.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[test]
fn the_account_that_is_asked_for() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, attempt) = (BesideGo::new(&[]), Attempt::new());
    let (key_type, base64) = attempt.words();
    let row = |account: &str| format!("{} alice@x.example {}\n", quoted(account), attempt.issuer);
    let all: Vec<_> = ACCOUNTS.into_iter().chain(NEVER).collect();
    for asked in &all {
        // every row but its own, then its own only
        let others: String = all
            .iter()
            .filter(|other| *other != asked)
            .map(|other| row(other))
            .collect();
        for (name, rows) in [("others", others), ("own", row(asked))] {
            attempt.etc.write("auth_id", &rows);
            attempt.etc.write_home(&rows);
            let (go, ours) = beside.verify(&attempt, &[asked, base64.as_str(), &key_type]);
            beside.agree(&[asked, name], &rows, &go, &ours);
        }
    }
    beside.end(20);
}

#[test]
fn rows_of_a_home_count_for_its_account_only() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, attempt, user) = (BesideGo::new(&[]), Attempt::new(), user_name());
    let (key_type, base64) = attempt.words();
    attempt.etc.write("auth_id", "");
    for in_home in [&user, "daemon", "no-such-account", ""] {
        let row = format!("{} alice@x.example {}\n", quoted(in_home), attempt.issuer);
        attempt.etc.write_home(&row);
        for asked in [&user, "daemon", "no-such-account", ""] {
            let (go, ours) = beside.verify(&attempt, &[asked, base64.as_str(), &key_type]);
            beside.agree(&[asked, in_home], &row, &go, &ours);
        }
    }
    beside.end(1);
}

#[test]
fn words_that_look_like_options() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, attempt, user) = (BesideGo::new(&OPTIONS), Attempt::new(), user_name());
    let (key_type, base64) = attempt.words();
    let rows: String = ["-root", "--", "-h", &user]
        .map(|account| format!("{} alice@x.example {}\n", quoted(account), attempt.issuer))
        .concat();
    attempt.etc.write("auth_id", &rows);
    for words in [
        &["-root", &base64, &key_type][..],
        &["-", &base64, &key_type],
        &[&user, "-x", &key_type],
        &[&user, &base64, "-x"],
        &["--", "-root", &base64, &key_type],
        &["--", &user, &base64, &key_type],
        &[&user, &base64],
        &[&user],
        &[],
    ] {
        let (go, ours) = beside.verify(&attempt, words);
        beside.agree(&["words"], format!("{words:?}"), &go, &ours);
    }
    for extra in [
        &["one"][..],
        &["", " "],
        &["10.0.0.1 22", "SHA256:x"],
        &["-x"],
        &["--no-such-option"],
        &["one", "--", "-x"],
        &["--", "-x"],
    ] {
        let mut words = vec![user.as_str(), &base64, &key_type];
        words.extend(extra);
        let (go, ours) = beside.verify(&attempt, &words);
        beside.agree(&["extra"], format!("{extra:?}"), &go, &ours);
    }
    beside.end(5);
}
