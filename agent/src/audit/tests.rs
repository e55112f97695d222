use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use opkssh_protocol::audit::{AuditEvent, MAX_FULL, full_file};

use super::*;

const LIMIT: Duration = Duration::from_secs(60);

fn entry(number: usize) -> AuditEntry {
    AuditEntry {
        reason: Some(number.to_string()),
        ..AuditEntry::new(AuditEvent::Signed)
    }
}

fn numbers(text: &str) -> Vec<usize> {
    let lines = text.lines().map(|line| AuditEntry::read(line).unwrap());
    lines
        .map(|it| it.reason.unwrap().parse().unwrap())
        .collect()
}

fn read_all(path: &Path) -> String {
    let full = (1..=MAX_FULL).rev().map(|n| full_file(path, n));
    let files = full.chain([path.to_owned()]);
    files
        .filter_map(|file| fs::read_to_string(file).ok())
        .collect()
}

/// Waits until the writer has seen everything.
async fn settle(audit: &Audit) {
    audit.finish(LIMIT).await;
}

#[tokio::test]
async fn entries_are_written_in_their_order_to_a_private_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let audit = Audit::start(Some(path.clone()));
    for number in 0..100 {
        audit.record(entry(number));
    }
    settle(&audit).await;
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(numbers(&text), (0..100).collect::<Vec<_>>());
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(audit.trouble(), None);
    // one that the person has moved away is begun anew
    fs::rename(&path, directory.path().join("mine")).unwrap();
    audit.record(entry(100));
    settle(&audit).await;
    assert_eq!(numbers(&fs::read_to_string(&path).unwrap()), [100]);
}

#[tokio::test]
async fn rotation_loses_nothing_and_keeps_a_bounded_number_of_files() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let file = AuditFile::with_size(path.clone(), 1000);
    for number in 0..40 {
        file.append(entry(number).line().as_bytes()).unwrap();
    }
    assert_eq!(numbers(&read_all(&path)), (0..40).collect::<Vec<_>>());
    for number in 40..1000 {
        file.append(entry(number).line().as_bytes()).unwrap();
    }
    let kept = numbers(&read_all(&path));
    assert!(kept.len() > 40 && kept.len() < 200, "{}", kept.len());
    assert_eq!(kept, (1000 - kept.len()..1000).collect::<Vec<_>>());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1 + MAX_FULL);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&full_file(&path, MAX_FULL)), 0o600);
}

#[tokio::test]
async fn a_line_that_a_crash_left_unfinished_spoils_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    fs::write(&path, "{\"time\":").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let file = AuditFile::new(path.clone());
    file.append(entry(1).line().as_bytes()).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!((first, numbers(rest)), ("{\"time\":", vec![1]));
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn what_cannot_be_written_is_counted_and_told_when_it_works_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state/audit.jsonl");
    let audit = Audit::start(Some(path.clone()));
    for number in 0..3 {
        audit.record(entry(number));
        settle(&audit).await;
    }
    let trouble = audit.trouble().unwrap().text;
    assert!(
        trouble.starts_with("audit log: 3 entries not written: ")
            && trouble.contains("state/audit.jsonl"),
        "{trouble}"
    );
    fs::create_dir(directory.path().join("state")).unwrap();
    audit.record(entry(3));
    settle(&audit).await;
    assert_eq!(audit.trouble(), None);
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().filter_map(AuditEntry::read).collect();
    assert_eq!(
        (lines[0].event, lines[0].lines),
        (AuditEvent::Lost, Some(3))
    );
    assert_eq!(lines[1].reason.as_deref(), Some("3"));
    assert_eq!(lines.len(), 2);
}

#[tokio::test]
async fn a_disk_that_hangs_delays_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let audit = Audit::start(Some(path.clone()));
    let (go_on, hangs) = std::sync::mpsc::channel::<()>();
    audit.record_with(false, move || {
        let _ = hangs.recv();
        entry(0)
    });
    let sent = MAX_WAITING + 1000;
    for number in 1..sent {
        audit.record(entry(number));
    }
    let trouble = audit.trouble().unwrap().text;
    assert!(
        trouble.ends_with("the disk is too slow or does not answer"),
        "{trouble}"
    );
    audit.finish(Duration::from_millis(1)).await;
    drop(go_on);
    settle(&audit).await;
    audit.record(entry(sent));
    settle(&audit).await;
    assert_eq!(audit.trouble(), None);
    let text = read_all(&path);
    let lines = text.lines().filter_map(AuditEntry::read);
    let (lost, written): (Vec<_>, Vec<_>) = lines.partition(|it| it.event == AuditEvent::Lost);
    let lost: u64 = lost.iter().filter_map(|it| it.lines).sum();
    assert!(lost > 0, "nothing was lost");
    assert_eq!(written.len() + usize::try_from(lost).unwrap(), sent + 1);
}

#[tokio::test]
async fn nothing_is_recorded_when_it_is_off() {
    let audit = Audit::off();
    audit.record(entry(1));
    audit.record_with(false, || panic!("made"));
    settle(&audit).await;
    assert_eq!(audit.trouble(), None);
}

#[tokio::test]
async fn a_flood_of_refusals_loses_no_signature_and_looks_nothing_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let audit = Audit::start(Some(path.clone()));
    let (go_on, hangs) = std::sync::mpsc::channel::<()>();
    audit.record_with(false, move || {
        let _ = hangs.recv();
        entry(0)
    });
    let made = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 * MAX_WAITING {
        let made = made.clone();
        audit.record_with(true, move || {
            made.fetch_add(1, Ordering::Relaxed);
            AuditEntry::new(AuditEvent::SignatureRefused)
        });
    }
    for number in 1..1000 {
        audit.record(entry(number));
    }
    drop(go_on);
    settle(&audit).await;
    assert_eq!(audit.trouble(), None);
    assert_eq!(made.load(Ordering::Relaxed), 1000);
    let text = fs::read_to_string(&path).unwrap();
    let lines = text.lines().filter_map(AuditEntry::read);
    let signed = lines.filter(|line| line.event == AuditEvent::Signed);
    assert_eq!(signed.count(), 1000);
}

#[tokio::test]
async fn a_part_of_the_queue_is_kept_for_what_no_other_machine_can_cause() {
    let (messages, received) = channel();
    let audit = Audit {
        messages: Some(messages),
        queue: Arc::default(),
    };
    let waiting = MAX_WAITING - RESERVED;
    audit.queue.waiting.store(waiting, Ordering::Relaxed);
    audit.record(AuditEntry::new(AuditEvent::BindRefused));
    audit.record(entry(1));
    assert_eq!(received.try_iter().count(), 1);
    assert_eq!(audit.queue.lost.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_another_machine_causes_does_not_push_out_older_entries() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let audit = Audit::start(Some(path.clone()));
    for chunk in 0..5 {
        for number in 0..500 {
            let event = match number % 3 {
                0 => AuditEvent::SignatureRefused,
                1 => AuditEvent::Asked,
                _ => AuditEvent::Answered,
            };
            audit.record(AuditEntry {
                event,
                forwarded: true,
                ..entry(chunk * 500 + number)
            });
        }
        audit.record(entry(0));
        audit.record(AuditEntry::new(AuditEvent::Asked));
        // the end of the agent, after which it would say what it left out
        if chunk == 4 {
            settle(&audit).await;
        }
    }
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.lines().filter_map(AuditEntry::read).collect();
    let count = |event| lines.iter().filter(|line| line.event == event).count();
    let limited = lines.iter().filter(|line| line.is_limited());
    assert_eq!(limited.count(), 1000);
    assert_eq!(count(AuditEvent::Signed), 5);
    let asked = lines.iter().filter(|line| line.event == AuditEvent::Asked);
    assert_eq!(asked.filter(|line| !line.forwarded).count(), 5);
    let omitted: Vec<_> = lines.iter().filter_map(|line| line.lines).collect();
    assert_eq!(omitted, [1500]);
}
