use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::thread;

use super::*;

/// Runs on a thread of its own, so that only that thread is confined.
fn confined<T: Send>(readable: &[PathBuf], cache: &Path, work: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let confined = scope.spawn(|| {
            restrict(readable, Some(cache)).expect("this kernel has Landlock");
            work()
        });
        confined.join().unwrap()
    })
}

fn denied<T>(result: std::io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[test]
fn it_reads_what_it_needs_writes_to_the_cache_and_runs_nothing() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    let (cache, roots) = (top.join("cache"), top.join("roots.pem"));
    fs::create_dir(&cache).unwrap();
    fs::write(&roots, "roots").unwrap();
    fs::write(top.join("secret"), "secret").unwrap();
    let mut log = File::create(top.join("log")).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    confined(std::slice::from_ref(&roots), &cache, || {
        fs::write(cache.join("new"), "keys").unwrap();
        fs::rename(cache.join("new"), cache.join("keys")).unwrap();
        assert_eq!(fs::read_to_string(cache.join("keys")).unwrap(), "keys");
        fs::remove_file(cache.join("keys")).unwrap();
        assert_eq!(fs::read_to_string(&roots).unwrap(), "roots");
        fs::read("/etc/passwd").unwrap();
        writeln!(log, "open before").unwrap();
        TcpStream::connect(address).unwrap();
        // also threads, such as those that resolve names
        assert!(
            thread::spawn(|| denied(File::create("/etc/x")))
                .join()
                .unwrap()
        );

        assert!(denied(fs::read(top.join("secret"))));
        assert!(denied(fs::read_dir(top)));
        assert!(denied(fs::write(&roots, "others")));
        assert!(denied(File::create(top.join("new"))));
        assert!(denied(fs::remove_file(&roots)));
        assert!(denied(File::create("/etc/opkssh-test")));
        assert!(denied(Command::new("/bin/true").status()));
        fs::copy("/bin/true", cache.join("program")).unwrap();
        assert!(denied(Command::new(cache.join("program")).status()));
        assert!(denied(TcpListener::bind("127.0.0.1:0")));
    });
    // that thread only
    assert!(Command::new("/bin/true").status().unwrap().success());
}

#[test]
fn where_it_cannot_be_confined_that_is_said_and_all_goes_on() {
    let nowhere = Path::new("/nonexistent");
    // the kernel limits how often a thread can be restricted
    let said = confined(&[], nowhere, || {
        (0..100).find_map(|_| restrict(&[], Some(nowhere)).err())
    });
    assert!(said.unwrap().starts_with("parsing is not confined: "));
}

#[test]
fn without_a_cache_nothing_can_be_written() {
    let top = tempfile::tempdir().unwrap();
    confined(&[], Path::new("/nonexistent/cache"), || {
        assert!(denied(File::create(top.path().join("new"))));
    });
}
