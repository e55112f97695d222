use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr;

use super::*;

#[test]
fn a_socket_without_a_file_is_refused() {
    let name = format!("opkssh-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(name).unwrap();
    let listener = UnixListener::bind_addr(&address).unwrap();
    assert!(check(listener).is_err());
}
