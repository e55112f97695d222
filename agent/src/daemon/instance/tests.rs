use super::*;
use std::os::unix::net::UnixListener;

#[test]
fn only_a_dead_socket_may_be_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    assert!(remove_dead(&path).is_ok());
    let listener = UnixListener::bind(&path).unwrap();
    assert!(matches!(
        remove_dead(&path),
        Err(InstanceError::SocketInUse(_))
    ));
    drop(listener);
    assert!(remove_dead(&path).is_ok());
    assert!(!path.exists());
    fs::write(&path, "precious").unwrap();
    assert!(matches!(
        remove_dead(&path),
        Err(InstanceError::NotASocket(_))
    ));
}
