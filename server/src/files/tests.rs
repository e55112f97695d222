use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

const SYSTEM: FileConditions = FileConditions {
    owner: Owner::RootOrOurselves,
    mode: 0o640,
};

fn file(directory: &Path, name: &str, mode: u32) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, "text").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn row_109_0640_or_stricter() {
    let directory = tempfile::tempdir().unwrap();
    for mode in [0o640, 0o600, 0o440, 0o400] {
        let path = file(directory.path(), &format!("{mode:o}"), mode);
        assert_eq!(read(&path, SYSTEM).unwrap(), b"text", "{mode:o}");
    }
    for mode in [0o644, 0o660, 0o642, 0o750, 0o777] {
        let path = file(directory.path(), &format!("{mode:o}"), mode);
        let error = read(&path, SYSTEM).unwrap_err();
        assert!(
            matches!(error, FileError::Mode { mode: got, .. } if got == mode),
            "{error}"
        );
    }
}

#[test]
fn a_file_comes_in_pieces_of_whole_lines() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "f", 0o640);
    for text in [
        String::new(),
        "\n".to_owned(),
        "one\ntwo".to_owned(),
        "a line of some length\n".repeat(20_000),
        "x".repeat(3 * PIECE) + "\nend",
    ] {
        fs::write(&path, &text).unwrap();
        let mut pieces = Vec::new();
        read_lines(&path, SYSTEM, |lines| pieces.push(lines.to_vec())).unwrap();
        assert_eq!(pieces.concat(), text.as_bytes());
        let (_, whole) = pieces.split_last().unwrap();
        assert!(whole.iter().all(|lines| lines.ends_with(b"\n")));
    }
    fs::write(&path, vec![b'\n'; 8 * 1024 * 1024 + 1]).unwrap();
    let error = read_lines(&path, SYSTEM, |_| ()).unwrap_err();
    assert!(matches!(error, FileError::Size(_)), "{error}");
    let path = file(directory.path(), "open", 0o644);
    let error = read_lines(&path, SYSTEM, |_| panic!("not judged")).unwrap_err();
    assert!(matches!(error, FileError::Mode { .. }), "{error}");
}

#[test]
fn row_110_an_ordinary_users_file_is_not_believed() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "f", 0o640);
    let mut stat = rustix::fs::stat(&path).unwrap();
    assert!(check_owner_and_mode(&stat, &path, SYSTEM).is_ok());
    stat.st_uid = rustix::process::geteuid().as_raw() + 1;
    assert!(matches!(
        check_owner_and_mode(&stat, &path, SYSTEM),
        Err(FileError::Owner { .. })
    ));
    let theirs = FileConditions {
        owner: Owner::User(stat.st_uid),
        mode: 0o640,
    };
    assert!(check_owner_and_mode(&stat, &path, theirs).is_ok());
    stat.st_uid = 0;
    assert!(check_owner_and_mode(&stat, &path, SYSTEM).is_ok());
    assert!(check_owner_and_mode(&stat, &path, theirs).is_err());
}

#[test]
fn row_111_a_symlink_is_judged_by_its_target() {
    let directory = tempfile::tempdir().unwrap();
    for (name, mode, ok) in [("good", 0o640, true), ("bad", 0o644, false)] {
        let link = directory.path().join(format!("{name}.link"));
        symlink(file(directory.path(), name, mode), &link).unwrap();
        assert_eq!(read(&link, SYSTEM).is_ok(), ok, "{name}");
    }
}

#[test]
fn row_124_only_regular_files_and_never_blocking() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &fifo,
        FileType::Fifo,
        Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    assert!(matches!(read(&fifo, SYSTEM), Err(FileError::NotAFile(_))));
    assert!(read(directory.path(), SYSTEM).is_err());
    assert!(
        read(&directory.path().join("none"), SYSTEM)
            .unwrap_err()
            .is_not_found()
    );
}

#[test]
fn row_125_no_symlinks_beneath_a_home() {
    let home = tempfile::tempdir().unwrap();
    let demands = FileConditions {
        owner: Owner::RootOrOurselves,
        mode: 0o600,
    };
    let read = |directory| {
        read_beneath(
            home.path(),
            &home.path().join(directory).join("auth_id"),
            demands,
        )
    };
    fs::create_dir(home.path().join("real")).unwrap();
    file(&home.path().join("real"), "auth_id", 0o600);
    assert_eq!(read("real").unwrap(), b"text");
    symlink("real", home.path().join("linked")).unwrap();
    assert!(matches!(read("linked"), Err(FileError::Symlink(_))));
    fs::create_dir(home.path().join("inner")).unwrap();
    symlink("../real/auth_id", home.path().join("inner/auth_id")).unwrap();
    assert!(matches!(read("inner"), Err(FileError::Symlink(_))));
    assert!(read("none").unwrap_err().is_not_found());
}

#[test]
fn sizes_are_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "f", 0o600);
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(MAX_BYTES + 1)
        .unwrap();
    assert!(matches!(read(&path, SYSTEM), Err(FileError::Size(_))));
}
