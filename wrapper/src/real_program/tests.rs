use super::*;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn neither_ourselves_nor_what_cannot_run_is_taken() {
    let root = tempfile::tempdir().unwrap();
    let file = |name: &str, mode| {
        let file = root.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
        file
    };
    let ours = file("bin/opkssh", 0o755);
    fs::create_dir_all(root.path().join("a")).unwrap();
    symlink(&ours, root.path().join("a/ssh")).unwrap();
    fs::create_dir_all(root.path().join("b")).unwrap();
    fs::hard_link(&ours, root.path().join("b/ssh")).unwrap();
    fs::create_dir_all(root.path().join("c/ssh")).unwrap();
    file("d/ssh", 0o644);
    let real = file("e/ssh", 0o755);
    let path = ["a", "b", "c", "d", "missing", "e"].map(|name| root.path().join(name));
    let path = std::env::join_paths(path).unwrap();
    assert_eq!(real_program("ssh", &path, Some(&ours)).ok(), Some(real));
    let error = real_program("ssh", OsStr::new(""), Some(&ours)).unwrap_err();
    assert_eq!(error.to_string(), "ssh is not in PATH");
}
