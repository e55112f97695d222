use super::*;

#[test]
fn the_file_name_tells_the_two_sockets_apart() {
    for (path, socket) in [
        ("/run/control.sock", Socket::Control),
        ("/run/agent.sock", Socket::Agent),
        ("/run/control.sock/else", Socket::Agent),
    ] {
        assert_eq!(Socket::named(Path::new(path)), socket);
    }
}

#[test]
fn somebody_who_is_connected_counts_as_use() {
    let usage = Arc::new(Usage::default());
    let connections = || usage.subscribe().borrow().connections;
    assert_eq!(connections(), 0);
    let (first, second) = (Counted::new(&usage), Counted::new(&usage));
    drop(first);
    assert_eq!(connections(), 1);
    let before = Instant::now();
    drop(second);
    assert!(connections() == 0 && usage.subscribe().borrow().last >= before);
}
