//! The two sockets: who may use them, and what hostile clients achieve.

mod control;
mod hostile;
pub mod other_users;
pub mod raw;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};

use opkssh_test_support::{Part, left_out};

use crate::setup::{Setup, agent_socket};

#[test]
fn directory_and_sockets_are_the_user_s_alone() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let directory = agent_socket(&setup.home).parent().unwrap().to_owned();
    let mode = |name: &str| {
        let metadata = fs::symlink_metadata(directory.join(name)).unwrap();
        (
            metadata.file_type().is_socket(),
            metadata.permissions().mode() & 0o7777,
        )
    };
    assert_eq!(mode(""), (false, 0o700));
    assert_eq!(mode("agent.sock"), (true, 0o600));
    assert_eq!(mode("control.sock"), (true, 0o600));
    let state = setup.home.dir().join(".local/state/opkssh");
    for entry in fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} is {mode:o}", entry.path().display());
    }
}
