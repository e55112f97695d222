use super::*;

#[test]
fn a_line_is_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    Log::open(&path).line("failed\nroot \u{1b}[2J ok\r");
    Log::open(&path).line("second");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    let (time, rest) = lines[0].split_at(27);
    let (origin, message) = (origin(), "failed\\nroot \\u{1b}[2J ok\\r");
    assert_eq!(rest, format!("{origin} {message}"));
    assert!(origin.starts_with(&format!("pid={} ppid=", std::process::id())));
    let shape: String = time
        .chars()
        .map(|c| if c.is_ascii_digit() { '9' } else { c })
        .collect();
    assert_eq!(shape.replace('-', "+"), "9999/99/99 99:99:99 +99:99 ");
}

#[test]
fn row_127_an_unwritable_log_is_no_obstacle() {
    Log::open(Path::new("/nonexistent/opkssh.log")).line("goes to stderr");
}

#[test]
fn a_line_is_one_message() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let journal = UnixDatagram::bind(&path).unwrap();
    let mut connection = Journal::connect_to(&path).unwrap();
    connection.write_all(b"pid=1 failed to verify\n").unwrap();
    let mut message = [0; 256];
    let length = journal.recv(&mut message).unwrap();
    assert_eq!(
        String::from_utf8_lossy(&message[..length]),
        "PRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=opkssh\n\
         MESSAGE=pid=1 failed to verify\n"
    );
}
