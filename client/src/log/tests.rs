use std::fs;

use opkssh_protocol::audit::{AuditEvent, AuditHost, MAX_FULL, full_file};

use super::matching::{is_of_host, since};
use super::*;
use crate::format::now;

fn entry(number: usize) -> String {
    AuditEntry {
        reason: Some(number.to_string()),
        ..AuditEntry::new(AuditEvent::Signed)
    }
    .line()
}

fn read(files: &mut AuditFiles) -> Vec<usize> {
    let mut read = Vec::new();
    let mut note = |line: &str| {
        let number = AuditEntry::read(line).and_then(|entry| entry.reason?.parse().ok());
        read.push(number.unwrap_or(usize::MAX));
        Ok(())
    };
    files.read(&mut note).unwrap();
    read
}

#[test]
fn lines_are_read_once_and_in_order_over_rotations() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let mut files = AuditFiles::new(path.clone());
    assert_eq!(read(&mut files), [0; 0]);
    let rotate = || {
        for n in (1..MAX_FULL).rev() {
            let _ = fs::rename(full_file(&path, n), full_file(&path, n + 1));
        }
        fs::rename(&path, full_file(&path, 1)).unwrap();
    };
    fs::write(&path, entry(1)).unwrap();
    rotate();
    fs::write(&path, entry(2) + &entry(3)[..10]).unwrap();
    assert_eq!(read(&mut files), [1, 2]);
    fs::write(&path, entry(2) + &entry(3)).unwrap();
    assert_eq!(read(&mut files), [3]);
    assert_eq!(read(&mut files), [0; 0]);
    // more than one rotation between two looks
    fs::write(&path, entry(2) + &entry(3) + &entry(4)).unwrap();
    rotate();
    fs::write(&path, entry(5)).unwrap();
    rotate();
    assert_eq!(read(&mut files), [4, 5]);
    fs::write(&path, entry(6)).unwrap();
    assert_eq!(read(&mut files), [6]);
    // so many that the file which was read is gone
    for number in 7..20 {
        rotate();
        fs::write(&path, entry(number)).unwrap();
    }
    let last: Vec<_> = (19 - MAX_FULL..20).collect();
    assert_eq!(read(&mut files), last);
}

#[test]
fn a_log_that_gets_shorter_is_read_on_from_its_new_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let mut files = AuditFiles::new(path.clone());
    let first = entry(1);
    fs::write(&path, first.clone() + &entry(2)[..10]).unwrap();
    assert_eq!(read(&mut files), [1]);
    let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.set_len(first.len() as u64).unwrap();
    assert_eq!(read(&mut files), [0; 0]);
    (&file).write_all(entry(3).as_bytes()).unwrap();
    assert_eq!(read(&mut files), [3]);
    file.set_len(0).unwrap();
    assert_eq!(read(&mut files), [0; 0]);
    (&file).write_all(entry(4).as_bytes()).unwrap();
    assert_eq!(read(&mut files), [4]);
}

#[test]
fn a_line_that_is_too_long_is_one_that_is_no_entry() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let mut files = AuditFiles::new(path.clone());
    fs::write(&path, entry(1) + &"x".repeat(1 << 20) + "\n" + &entry(2)).unwrap();
    assert_eq!(read(&mut files), [1, usize::MAX, 2]);
    // without an end, and larger than the memory
    let path = directory.path().join("endless");
    fs::write(&path, entry(1)).unwrap();
    let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.set_len(1 << 28).unwrap();
    assert_eq!(read(&mut AuditFiles::new(path)), [1, usize::MAX]);
}

#[test]
fn since_is_a_duration_or_a_time() {
    let ago = |text| now().since(since(text).unwrap());
    assert!((7200..7210).contains(&ago("2h")), "{}", ago("2h"));
    assert!((86400..86410).contains(&ago("1d")), "{}", ago("1d"));
    assert_eq!(since("2023-11-14T22:13:20Z"), Ok(UnixTime(1_700_000_000)));
    for local in ["2023-11-14", "2023-11-14 22:13", "2023-11-14T22:13:20"] {
        let day = 24 * 3600;
        assert!(since(local).unwrap().since(UnixTime(1_700_000_000)).abs() < 2 * day);
    }
    for wrong in ["", "soon", "2023-13-01", "-2h", "0s"] {
        assert!(since(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_host_is_meant_by_name_pattern_or_key() {
    let host = AuditHost {
        host_key: "SHA256:AbC".to_owned(),
        names: vec!["web1.example.com".to_owned(), "[10.0.0.1]:2222".to_owned()],
        unproved: false,
    };
    for wanted in [
        "SHA256:AbC",
        "web1.example.com",
        "WEB1*",
        "web?.*.com",
        "*",
        "[10.0.0.1]:2222",
        "10.0.0.1",
        "10.*",
    ] {
        assert!(is_of_host(&host, wanted), "{wanted}");
    }
    for other in ["SHA256:abc", "web1", "web2*", "?", "10.0.0.1:2222", ""] {
        assert!(!is_of_host(&host, other), "{other}");
    }
}

#[test]
fn what_a_line_says_is_on_it_and_is_no_terminal_s_command() {
    let entry = r#"{"time":"2023-11-14T22:13:20Z","event":"signature-refused","account":"wo\u001brk",
        "source":"account","user":"root","destination":{"host_key":"SHA256:d","names":["web1"]},
        "forwarded":true,"via":[{"host_key":"SHA256:v"}],"process":{"pid":7,"program":"ssh"},
        "reason":"no"}"#;
    let shown = line::text(&AuditEntry::read(entry).unwrap());
    let (_, shown) = shown.split_once("  ").unwrap();
    let words = "signature refused  wo\\u{1b}rk  root@web1  via SHA256:v  by ssh (7)  no";
    assert_eq!(shown, words);
}
