//! The repository's own rules: who may depend on whom, and that the documents name what is there.

mod circles;
mod named_tests;
mod server_only;
mod spread;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Every arrow that is allowed between workspace members.
const ARROWS: [(&str, &[&str]); 9] = [
    (
        "opkssh",
        &[
            "opkssh-agent",
            "opkssh-client",
            "opkssh-protocol",
            "opkssh-server",
            "opkssh-wrapper",
        ],
    ),
    ("opkssh-wrapper", &["opkssh-client", "opkssh-protocol"]),
    ("opkssh-client", &["opkssh-files", "opkssh-protocol"]),
    ("opkssh-agent", &["opkssh-files", "opkssh-protocol"]),
    ("opkssh-server", &["opkssh-files", "opkssh-protocol"]),
    ("opkssh-files", &[]),
    ("opkssh-protocol", &[]),
    ("opkssh-demo-provider", &[]),
    ("opkssh-test-support", &[]),
];

/// What must never be in the program that sshd runs.
const NOT_ON_SERVERS: [&str; 9] = [
    "tokio",
    "zbus",
    "async-io",
    "hyper",
    "reqwest",
    "libdbus-sys",
    "aws-lc-sys",
    "aws-lc-rs",
    "opkssh-agent",
];

const LONGEST_FILE: usize = 400;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs cargo in the repository; its stdout. Nothing is fetched.
fn cargo(args: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(args)
        .current_dir(repository())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// Every file below the repository that is not built, fetched or git's own.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![repository().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if !path.is_dir() {
                files.push(path);
            } else if !["target", ".git", "node_modules"].contains(&name.as_str()) {
                directories.push(path);
            }
        }
    }
    assert!(
        files.len() > 100,
        "is this the repository? {}",
        repository().display()
    );
    files
}

fn with_extension(extension: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let files = files().into_iter();
    files
        .filter(move |file| file.extension().is_some_and(|found| found == extension))
        .map(|file| {
            let text = fs::read_to_string(&file).unwrap();
            let name = file.strip_prefix(repository()).unwrap().to_owned();
            (name, text)
        })
}

#[test]
fn members_depend_on_each_other_as_designed() {
    let metadata = cargo(&[
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    for package in packages {
        let name = package["name"].as_str().unwrap();
        let allowed = ARROWS.iter().find(|(from, _)| *from == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{name} has no place in the design"));
        for dependency in package["dependencies"].as_array().unwrap() {
            let to = dependency["name"].as_str().unwrap();
            // tests may use the test parts, and forge with what programs may not
            let is_for_tests = dependency["kind"] == "dev"
                && ["opkssh-test-support", "opkssh-protocol"].contains(&to);
            let is_member = dependency["path"].is_string();
            assert!(
                !is_member || is_for_tests || allowed.contains(&to),
                "{name} depends on {to}"
            );
        }
    }
    assert_eq!(packages.len(), ARROWS.len(), "a room is missing");
}

#[test]
fn the_server_s_part_has_no_async_runtime_and_no_d_bus() {
    let crates_of = |args: &[&str]| {
        let tree = [
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ];
        let tree = cargo(&[&tree[..], args].concat());
        let name = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        tree.lines().map(name).collect::<Vec<_>>()
    };
    for args in [
        &["--package", "opkssh-server"][..],
        &[
            "--package",
            "opkssh",
            "--no-default-features",
            "--features",
            "server",
        ],
    ] {
        let crates = crates_of(args);
        assert!(
            crates.iter().any(|name| name == "rustls"),
            "is this the tree? {crates:?}"
        );
        for unwanted in NOT_ON_SERVERS {
            assert!(
                !crates.iter().any(|name| name == unwanted),
                "{unwanted} in {args:?}"
            );
        }
    }
    // the check would see it
    let all = crates_of(&["--package", "opkssh"]);
    assert!(all.iter().any(|name| name == "tokio"));
}

#[test]
fn the_paths_that_documents_name_exist() {
    let is_room = |word: &str| {
        [
            "src", "protocol", "agent", "client", "wrapper", "server", "tests", "scripts", "docs",
        ]
        .iter()
        .any(|room| {
            word.strip_prefix(room)
                .is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let mut named = 0;
    for (document, text) in with_extension("md") {
        // between backquotes; what is left out or stands for something else is no path
        let words = text.split('`').skip(1).step_by(2);
        for word in words.filter(|word| is_room(word) && !word.contains(['*', '<', '…', ' '])) {
            named += 1;
            let exists = repository().join(word).exists();
            assert!(
                exists,
                "{} names {word}, which is not there",
                document.display()
            );
        }
    }
    assert!(named > 20, "only {named} paths in all documents");
}

/// So that tests can let years pass for all of it.
#[test]
fn accounts_read_the_time_of_day_in_one_place() {
    let mut readers = Vec::new();
    for (file, text) in
        with_extension("rs").filter(|(file, _)| file.starts_with("agent/src/accounts"))
    {
        if text.contains("SystemTime::now()") {
            readers.push(file);
        }
    }
    assert_eq!(readers, [PathBuf::from("agent/src/accounts/clock.rs")]);
}

#[test]
fn files_are_short_and_finished() {
    // in pieces, because this file is looked at, too
    let marks = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore"),
    ];
    for (file, text) in with_extension("rs") {
        for mark in marks {
            assert!(!text.contains(mark), "{mark} in {}", file.display());
        }
        let lines = text.lines().count();
        let is_test = file.components().any(|part| part.as_os_str() == "tests")
            || file.file_name().is_some_and(|name| name == "tests.rs");
        assert!(
            is_test || lines <= LONGEST_FILE,
            "{} has {lines} lines",
            file.display()
        );
    }
}
