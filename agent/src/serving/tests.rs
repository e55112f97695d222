use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

use super::made::{self, FakeSource};
use super::*;
use crate::daemon::sockets::{Socket, accept, bind};

fn list(stream: &mut UnixStream) -> [u8; 9] {
    stream.write_all(b"\0\0\0\x01\x0b").unwrap();
    let mut answer = [0; 9];
    stream.read_exact(&mut answer).unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_idle_connections_lock_nobody_out() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("agent.sock");
    let source = Arc::new(FakeSource::default());
    let notices = Arc::<Notices>::default();
    let serving = Arc::new(made::serving(source, notices.clone(), Vec::new()));
    let listener = bind(&socket).unwrap();
    let serve = move |stream| serving.clone().serve(stream);
    tokio::spawn(accept(
        Socket::Agent,
        listener,
        Arc::default(),
        notices,
        serve,
    ));
    let client = tokio::task::spawn_blocking(move || {
        let connect = || {
            let stream = UnixStream::connect(&socket).unwrap();
            // an answer takes this long only when there will be none
            let limit = Some(Duration::from_secs(60));
            stream.set_read_timeout(limit).unwrap();
            stream
        };
        let none = *b"\0\0\0\x05\x0c\0\0\0\0";
        let mut own = connect();
        assert_eq!(list(&mut own), none);
        let mut idle: Vec<_> = (0..300).map(|_| connect()).collect();
        assert_eq!(list(&mut connect()), none);
        assert_eq!(list(&mut own), none, "one that has asked keeps its place");
        // the first that only waited was closed for it
        assert_eq!(idle[0].read(&mut [0]).unwrap(), 0);
    });
    client.await.unwrap();
}
