use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Returns the obstacles of `etc` in a directory that everybody may enter.
fn found(set_up: impl FnOnce(&Path), gids: &[u32]) -> Vec<PathBuf> {
    let top = tempfile::tempdir().unwrap();
    chmod(top.path(), 0o755);
    let etc = top.path().join("opk");
    fs::create_dir_all(etc.join("policy.d")).unwrap();
    for name in ["auth_id", "policy.d/a.yml"] {
        fs::write(etc.join(name), "").unwrap();
        chmod(&etc.join(name), 0o640);
    }
    chmod(&etc, 0o750);
    chmod(&etc.join("policy.d"), 0o750);
    set_up(&etc);
    let paths = ServerPaths {
        etc: etc.clone(),
        group: String::new(),
        cache: PathBuf::new(),
    };
    let other = ProcessCredentials {
        uid: etc.metadata().unwrap().uid() + 1,
        gids: gids.to_vec(),
    };
    obstacles(&paths, &other)
        .into_iter()
        .map(|obstacle| obstacle.path.strip_prefix(&etc).unwrap().to_owned())
        .collect()
}

#[test]
fn what_the_account_cannot_reach_is_named() {
    let own = [rustix::process::getegid().as_raw()];
    let nothing: Vec<PathBuf> = Vec::new();
    assert_eq!(found(|_| (), &own), nothing);
    assert_eq!(found(|_| (), &[u32::MAX - 1]), [PathBuf::new()]);
    let open = |etc: &Path| chmod(etc, 0o755);
    assert_eq!(
        found(open, &[u32::MAX - 1]),
        [Path::new("auth_id"), Path::new("policy.d")]
    );
    let file = |etc: &Path| chmod(&etc.join("auth_id"), 0o600);
    assert_eq!(found(file, &own), [Path::new("auth_id")]);
    let plugin = |etc: &Path| chmod(&etc.join("policy.d/a.yml"), 0o600);
    assert_eq!(found(plugin, &own), [Path::new("policy.d/a.yml")]);
}
