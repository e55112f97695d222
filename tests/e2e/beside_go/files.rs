//! Modes, owners and kinds of the server's files, and what `config.yml` says.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use opkssh_test_support::{Part, left_out, user_name};
use serde_json::json;

use super::{BesideGo, Go, Intended};
use crate::agent::sockets::other_users::is_root;
use crate::server::verify_refusals::attempt::Attempt;

/// Does something to a file.
type State = fn(&Path);

fn mode<const MODE: u32>(file: &Path) {
    fs::set_permissions(file, Permissions::from_mode(MODE)).unwrap();
}

fn no_file(file: &Path) {
    fs::remove_file(file).unwrap();
}

fn empty(file: &Path) {
    fs::write(file, "").unwrap();
}

fn directory(file: &Path) {
    no_file(file);
    fs::create_dir(file).unwrap();
    mode::<0o640>(file);
}

/// The file itself under another name, and a link to it.
fn link(file: &Path) {
    let other = file.with_extension("real");
    fs::rename(file, &other).unwrap();
    symlink(other.file_name().unwrap(), file).unwrap();
}

fn link_to_an_open_file(file: &Path) {
    link(file);
    mode::<0o644>(&file.with_extension("real"));
}

fn link_to_nothing(file: &Path) {
    no_file(file);
    symlink("nothing", file).unwrap();
}

fn somebody_s(file: &Path) {
    chown(file, Some(65_534), None).unwrap();
}

fn somebody_s_group(file: &Path) {
    chown(file, None, Some(65_534)).unwrap();
}

const STATES: [(&str, State); 21] = [
    ("as it should be", |_| ()),
    ("missing", no_file),
    ("empty", empty),
    ("a directory", directory),
    ("a link", link),
    ("a link to an open file", link_to_an_open_file),
    ("a link to nothing", link_to_nothing),
    ("stricter", mode::<0o600>),
    ("stricter", mode::<0o440>),
    ("stricter", mode::<0o400>),
    ("0640", mode::<0o640>),
    ("0640 and more", mode::<0o4640>),
    ("0640 and more", mode::<0o1640>),
    ("open", mode::<0o644>),
    ("open", mode::<0o660>),
    ("open", mode::<0o666>),
    ("open", mode::<0o777>),
    ("open", mode::<0o604>),
    ("executable", mode::<0o740>),
    // by root only
    ("somebody's", somebody_s),
    ("somebody's group", somebody_s_group),
];

/// Those of them that this run can make.
fn states(by_root: bool) -> &'static [(&'static str, State)] {
    if by_root { &STATES } else { &STATES[..19] }
}

const FILES: [Intended; 5] = [
    (&["a link", "home"], Go::Accepts, "(125)"),
    (&["stricter", "etc"], Go::Refuses, "(109)"),
    (&["stricter", "home"], Go::Refuses, "(109)"),
    (
        &["somebody's", "etc"],
        Go::Accepts,
        "owned by an ordinary user (110)",
    ),
    (
        &["somebody's", "home"],
        Go::Accepts,
        "home file of another owner",
    ),
];

#[test]
fn files_that_decide() {
    if left_out(&[Part::Go]) {
        return;
    }
    let by_root = is_root();
    let intended = if by_root { &FILES[..] } else { &FILES[..3] };
    let (mut beside, user) = (BesideGo::new(intended), user_name());
    for in_home in [false, true] {
        for (name, state) in states(by_root) {
            for file in ["providers", "auth_id", ".opk/auth_id"] {
                if in_home && file == "providers" {
                    continue;
                }
                let attempt = Attempt::new();
                let row = format!("{user} alice@x.example {}\n", attempt.issuer);
                let place = if file == ".opk/auth_id" {
                    "home"
                } else {
                    "etc"
                };
                // the row is in the file that is looked at, or in both
                if place == "home" || in_home {
                    attempt.etc.write_home(&row);
                }
                if place == "home" && !in_home {
                    attempt.etc.write("auth_id", "");
                }
                state(&path_of(&attempt, file));
                let (kind, base64) = attempt.words();
                let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
                let input = format!("{file} is {name}, a row in both: {in_home}");
                beside.agree(&[name, place, file], input, &go, &ours);
            }
        }
    }
    beside.end(30);
}

fn path_of(attempt: &Attempt, file: &str) -> PathBuf {
    match file {
        ".opk/auth_id" => attempt.etc.account_home().join(file),
        _ => attempt.etc.dir().join(file),
    }
}

#[test]
fn a_link_on_the_way_to_the_home_file() {
    if left_out(&[Part::Go]) {
        return;
    }
    const LINKS: [Intended; 1] = [(&["a link"], Go::Accepts, "(125)")];
    let (mut beside, attempt, user) = (BesideGo::new(&LINKS), Attempt::new(), user_name());
    attempt.etc.write("auth_id", "");
    let row = format!("{user} alice@x.example {}\n", attempt.issuer);
    attempt.etc.write_home(&row);
    let (kind, base64) = attempt.words();
    let opk = attempt.etc.account_home().join(".opk");
    let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
    beside.agree(&["plain"], "", &go, &ours);
    link(&opk);
    let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
    beside.agree(&["a link"], ".opk is a link", &go, &ours);
    fs::remove_file(&opk).unwrap();
    let real = opk.with_extension("real");
    fs::create_dir(&opk).unwrap();
    symlink(real.join("auth_id"), opk.join("auth_id")).unwrap();
    let (go, ours) = beside.verify(&attempt, &[&user, &base64, &kind]);
    beside.agree(&["a link"], ".opk/auth_id is a link", &go, &ours);
    beside.end(1);
}

const CONFIG: [Intended; 4] = [
    // with the deny list in it
    (&["wrong mode or owner"], Go::Accepts, "(114)"),
    (&["broken"], Go::Accepts, "(114)"),
    (
        &["link to nothing"],
        Go::Accepts,
        "is a symlink that leads nowhere",
    ),
    (
        &["misspelt"],
        Go::Accepts,
        "with an unknown key that holds a list",
    ),
];

/// Texts of `config.yml`; alice@x.example is who logs in, USER where.
const CONFIGS: [(&str, &str); 43] = [
    ("nothing", ""),
    ("nothing", "---\n"),
    ("nothing", "# a comment\n"),
    ("nothing", "{}\n"),
    ("nothing", "null\n"),
    ("empty lists", "deny_emails: []\ndeny_users: []\n"),
    ("empty lists", "deny_emails:\ndeny_users: ~\n"),
    ("denied", "deny_emails: [alice@x.example]\n"),
    (
        "denied",
        "deny_emails:\n  - bob@x.example\n  - Alice@X.EXAMPLE\n",
    ),
    ("denied", "deny_emails: ['alice@x.example']\r\n"),
    ("denied", "\u{feff}deny_emails: [alice@x.example]\n"),
    ("denied", "deny_users: [USER]\n"),
    ("denied", "deny_users: [\"USER\", x]\n"),
    ("denied", "a: &a [alice@x.example]\ndeny_emails: *a\n"),
    (
        "others denied",
        "deny_emails: [bob@x.example, alice, '*', '']\n",
    ),
    ("others denied", "deny_emails: ['alice@x.example ']\n"),
    ("others denied", "deny_users: [USER2, alice@x.example]\n"),
    ("others denied", "deny_emails: [USER]\n"),
    (
        "denied",
        "deny_emails: ['alice@x.example', 'x']\nenv_vars: {}\n",
    ),
    ("numbers", "deny_emails: [5, true, 1.5, ~]\n"),
    ("broken", "deny_emails: alice@x.example\n"),
    ("broken", "deny_emails: {alice@x.example: 1}\n"),
    ("broken", "deny_emails: [[alice@x.example]]\n"),
    ("broken", "deny_emails: [{a: alice@x.example}]\n"),
    ("broken", "deny_emails: [alice@x.example\n"),
    ("broken", "deny_emails: [alice@x.example]\n\tx: 1\n"),
    ("broken", "- deny_emails\n"),
    ("broken", "alice@x.example\n"),
    ("broken", "deny_users: USER\n"),
    ("broken", "deny_emails: [alice@x.example]\nenv_vars: []\n"),
    ("broken", "deny_emails: [alice@x.example]\nenv_vars: x\n"),
    (
        "broken",
        "deny_emails: [a@x.example]\ndeny_emails: [alice@x.example]\n",
    ),
    ("broken", "\u{0}"),
    ("broken", "deny_emails: *nothing\n"),
    ("misspelt", "deny_email: [alice@x.example]\n"),
    ("misspelt", "Deny_Emails: [alice@x.example]\n"),
    ("misspelt", "denyusers: {}\n"),
    ("unknown key", "x: 1\ny: {z: 1}\n"),
    (
        "variables",
        "env_vars:\n  HTTPS_PROXY: http://proxy.example\n",
    ),
    ("variables", "env_vars:\n  X: 5\n  Y: true\n  Z: ~\n"),
    ("variables", "env_vars: {}\n"),
    ("variables", "env_vars: ~\n"),
    (
        "variables and denied",
        "env_vars:\n  '': x\n  'a=b': x\ndeny_emails: [alice@x.example]\n",
    ),
];

#[test]
fn the_server_s_configuration() {
    if left_out(&[Part::Go]) {
        return;
    }
    let (mut beside, attempt, user) = (BesideGo::new(&CONFIG), Attempt::new(), user_name());
    let (kind, base64) = attempt.words();
    let words = [&user, &base64, &kind];
    for (name, text) in CONFIGS {
        attempt
            .etc
            .write("config.yml", &text.replace("USER", &user));
        let (go, ours) = beside.verify(&attempt, &words);
        beside.agree(&[name], format!("{text:?}"), &go, &ours);
    }
    let file = attempt.etc.dir().join("config.yml");
    let denied = "deny_emails: [alice@x.example]\n";
    for (name, state) in states(is_root()) {
        let _ = fs::remove_file(&file);
        attempt.etc.write("config.yml", denied);
        state(&file);
        let case = match *name {
            "a link to nothing" => "link to nothing",
            "as it should be" | "missing" | "empty" | "a link" | "0640" => "right",
            _ => "wrong mode or owner",
        };
        let (go, ours) = beside.verify(&attempt, &words);
        beside.agree(&[case], format!("config.yml is {name}"), &go, &ours);
        let _ = fs::remove_dir(&file);
    }
    // a look-alike letter is another mail address for a row, not for a deny list
    let kelvin = Attempt::with(|login| login.claims["email"] = json!("\u{212a}urt@x.example"));
    let row = format!("{user} sub-1 {}\n", kelvin.issuer);
    kelvin.etc.write("auth_id", &row);
    kelvin
        .etc
        .write("config.yml", "deny_emails: [kurt@x.example]\n");
    let (kind, base64) = kelvin.words();
    let (go, ours) = beside.verify(&kelvin, &[&user, &base64, &kind]);
    beside.agree(&["look-alike"], "deny_emails", &go, &ours);
    beside.end(10);
}
