use super::*;

#[test]
fn a_file_that_may_not_be_read_comes_with_the_line_that_changes_that() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yml");
    std::fs::write(&file, "").unwrap();
    let hint = |file: &Path| {
        let denied = io::ErrorKind::PermissionDenied.into();
        unreadable(file, denied).hint().unwrap()
    };
    let own = format!("make it readable: chmod u+r {}", file.display());
    assert_eq!(hint(&file), own);
    let uid = rustix::process::geteuid().as_raw();
    if uid != 0 {
        let others = Path::new("/etc/passwd");
        let line = format!("make it yours: sudo chown {uid} /etc/passwd");
        assert_eq!(hint(others), line);
    }
    let hidden = directory.path().join("closed/config.yml");
    let closed = format!(
        "open its directory: chmod u+rwx {}/closed",
        directory.path().display()
    );
    assert_eq!(hint(&hidden), closed);
}
