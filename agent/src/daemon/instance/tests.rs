use super::*;
use std::os::unix::net::UnixListener;

#[test]
fn only_a_dead_socket_may_be_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    assert!(check_free(&path).is_ok());
    let listener = UnixListener::bind(&path).unwrap();
    assert!(matches!(
        check_free(&path),
        Err(InstanceError::SocketInUse(_))
    ));
    drop(listener);
    assert!(check_free(&path).is_ok());
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert!(matches!(
        check_free(&path),
        Err(InstanceError::NotASocket(_))
    ));
}
