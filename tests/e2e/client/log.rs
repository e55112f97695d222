//! `opkssh log`.

use std::fs;

use opkssh_protocol::audit::{AuditEntry, AuditEvent, AuditHost, full_file};
use opkssh_protocol::time::UnixTime;
use opkssh_test_support::Home;

use crate::agent::audit::audit_file;
use crate::setup::OPKSSH;

/// A home whose log has these entries; the agent does not run.
fn home(entries: &[AuditEntry]) -> Home {
    let home = Home::new(OPKSSH);
    let lines: String = entries.iter().cloned().map(AuditEntry::line).collect();
    home.write(".local/state/opkssh/audit.jsonl", lines);
    home
}

fn signed(account: &str, host: &str, time: i64) -> AuditEntry {
    AuditEntry {
        time: UnixTime(time),
        account: Some(account.to_owned()),
        user: Some("root".to_owned()),
        destination: Some(AuditHost {
            host_key: format!("SHA256:{host}"),
            names: vec![host.to_owned()],
            unproved: false,
        }),
        ..AuditEntry::new(AuditEvent::Signed)
    }
}

#[test]
fn entries_are_selected_by_account_host_and_time() {
    let now = std::time::SystemTime::now().into();
    let day = 24 * 3600;
    let ago = |seconds: i64| UnixTime::plus(now, -seconds).0;
    let home = home(&[
        signed("work", "web1", ago(3 * day)),
        signed("work", "web2", ago(day)),
        signed("home", "web1", ago(60)),
    ]);
    for (args, shown) in [
        (&[][..], &["web1", "web2", "web1"][..]),
        (&["--account", "work"], &["web1", "web2"]),
        (&["--host", "web1"], &["web1", "web1"]),
        (&["--host", "WEB*", "--since", "2d"], &["web2", "web1"]),
        (&["--host", "SHA256:web2"], &["web2"]),
        (&["--since", "1h"], &["web1"]),
        (&["--account", "home", "--host", "web2"], &[]),
    ] {
        let run = |json: &[&str]| home.opkssh(["log"]).args(args).args(json).run();
        let said = run(&["--json"]);
        let hosts = said.any_stdout();
        let hosts = hosts.lines().filter_map(AuditEntry::read);
        let hosts: Vec<_> = hosts
            .map(|it| it.destination.unwrap().names[0].clone())
            .collect();
        assert_eq!(hosts, shown, "{args:?}");
        assert_eq!(said.code(), Some(0));
        let text = run(&[]);
        let lines = text.any_stdout();
        assert_eq!(lines.lines().count(), shown.len(), "{args:?}");
        for (line, host) in lines.lines().zip(shown) {
            assert!(line.contains(&format!("root@{host}")), "{line}");
        }
        let none = text.stderr().starts_with("No entries in ");
        assert_eq!(none, shown.is_empty(), "{}", text.stderr());
    }
    home.opkssh(["log", "--since", "soon"]).run().misused();
}

#[test]
fn without_a_log_it_says_so_and_what_is_no_entry_is_left_out() {
    let home = Home::new(OPKSSH);
    let said = home.opkssh(["log"]).run();
    assert_eq!((said.code(), said.any_stdout()), (Some(0), String::new()));
    assert!(said.stderr().contains("audit.jsonl"), "{}", said.stderr());
    let entry = signed("work", "web1", 0).line();
    let text = format!("{{\"time\":\n{entry}\x1b[2J\n");
    home.write(".local/state/opkssh/audit.jsonl", text);
    let said = home.opkssh(["log", "--json"]).run();
    assert_eq!(said.any_stdout(), entry);
    assert_eq!(said.stderr(), "Left out: 2 lines that are no entries\n");
    let file = audit_file(&home);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let pipe = full_file(&file, 1);
    let refused = || {
        let refused = home.opkssh(["log"]).run().inconclusive();
        assert!(refused.contains("is not a regular file"), "{refused}");
    };
    refused();
    fs::remove_dir(&file).unwrap();
    home.command("mkfifo").arg(&pipe).run().stdout();
    refused();
}

#[test]
fn entries_that_cannot_be_written_are_an_error() {
    let home = home(&[signed("work", "web1", 0)]);
    let script = format!("'{OPKSSH}' log >/dev/full");
    let said = home.command("sh").args(["-c", &script]).run();
    assert_eq!(said.code(), Some(1));
    let told = "cannot write the entries: the disk is full";
    assert!(said.stderr().contains(told), "{}", said.stderr());
    let script = format!("'{OPKSSH}' log | head -n 0; echo \"${{PIPESTATUS[0]}}\"");
    let said = home.command("bash").args(["-c", &script]).run();
    assert_eq!(said.stdout(), "0\n");
}

#[test]
fn follow_goes_on_over_a_rotation_and_begins_before_there_is_a_log() {
    let home = Home::new(OPKSSH);
    let mut follow = home.opkssh(["log", "-f"]).start();
    let file = home.write(
        ".local/state/opkssh/audit.jsonl",
        signed("a", "first", 0).line(),
    );
    follow.wait_for("root@first");
    fs::rename(&file, full_file(&file, 1)).unwrap();
    fs::write(&file, signed("a", "second", 0).line()).unwrap();
    let said = follow.wait_for("root@second");
    assert_eq!(said.matches("root@first").count(), 1, "{said}");
}
