//! Tests with shell scripts in place of the agent.

use super::*;
use crate::fake_daemon::places_in;
use std::os::unix::fs::PermissionsExt;

struct Home {
    places: Places,
    _directory: tempfile::TempDir,
}

fn home() -> Home {
    let directory = tempfile::tempdir().unwrap();
    Home {
        places: places_in(directory.path()),
        _directory: directory,
    }
}

fn script(text: &str) -> Launcher {
    Launcher {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), text.into()],
        session_agent: None,
    }
}

fn start_fails(home: &Home, launcher: &Launcher) -> ClientError {
    start(&home.places, launcher).err().expect("must fail")
}

#[test]
fn a_daemon_that_ends_at_once_is_explained_by_its_log() {
    let home = home();
    let error = start_fails(
        &home,
        &script("echo first >&2; echo 'no entropy' >&2; exit 1"),
    );
    assert!(
        error
            .to_string()
            .starts_with("cannot start the agent: it ended"),
        "{error}"
    );
    let hint = error.hint().unwrap();
    assert!(hint.starts_with("its log says: no entropy ("), "{hint}");

    let two = script("printf 'Error: no\nset it right\n' >&2; exit 1");
    let hint = start_fails(&home, &two).hint().unwrap();
    let words = "its log says: Error: no; set it right (";
    assert!(hint.starts_with(words), "{hint}");

    let error = start_fails(&home, &script("exit 1"));
    assert_eq!(
        error.hint().unwrap(),
        "run it in the foreground: opkssh agent run",
        "an old line is no cause"
    );
}

#[test]
fn a_program_that_cannot_be_started_is_named() {
    let launcher = Launcher {
        program: "/does/not/exist".into(),
        arguments: Vec::new(),
        session_agent: None,
    };
    let error = start_fails(&home(), &launcher);
    assert!(error.to_string().contains("/does/not/exist"), "{error}");
}

#[test]
fn directories_and_log_are_private() {
    let home = home();
    start_fails(&home, &script("exit 1"));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home.places.runtime_dir), 0o700);
    assert_eq!(mode(&home.places.state_dir), 0o700);
    assert_eq!(mode(&home.places.log_file()), 0o600);
}

#[test]
fn a_directory_that_others_can_write_is_refused() {
    let home = home();
    make_private(&home.places.runtime_dir).unwrap();
    std::fs::set_permissions(&home.places.runtime_dir, PermissionsExt::from_mode(0o777)).unwrap();
    let error = start_fails(&home, &script("exit 1"));
    assert!(
        error.to_string().contains("other users can write"),
        "{error}"
    );
}

#[test]
fn a_symbolic_link_in_the_directorys_place_is_refused() {
    let home = home();
    std::fs::create_dir_all(home.places.runtime_dir.parent().unwrap()).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), &home.places.runtime_dir).unwrap();
    let error = start_fails(&home, &script("exit 1"));
    assert!(error.to_string().contains("not a directory"), "{error}");
}

#[test]
fn the_daemon_is_launched_with_the_settings_that_were_asked_for() {
    let settings = AgentSettings {
        socket: Some("/run/x.sock".into()),
        store: Some("memory".into()),
        ..AgentSettings::default()
    };
    for (settings, expected) in [
        (AgentSettings::default(), "agent launch"),
        (settings, "agent launch --socket /run/x.sock --store memory"),
    ] {
        let launcher = Launcher::this_program(&settings).unwrap();
        assert_eq!(launcher.arguments.join(" ".as_ref()), expected);
    }
}
