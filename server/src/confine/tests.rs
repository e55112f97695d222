use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::*;

fn shell(script: &str, directory: &Path) -> bool {
    let script = format!("cd '{}' && {script}", directory.display());
    let status = Command::new("/bin/sh").args(["-c", &script]).status();
    status.unwrap().success()
}

#[test]
fn programs_cannot_write_below_it_and_everywhere_else_they_can() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    fs::create_dir_all(top.join("a/cache/sub")).unwrap();
    fs::create_dir(top.join("a/other")).unwrap();
    fs::write(top.join("a/cache/keys"), "good").unwrap();
    fs::write(top.join("a/other/file"), "").unwrap();
    symlink(top.join("a/cache"), top.join("link")).unwrap();
    let cache = top.join("a/cache");
    for script in [
        "echo x > a/cache/keys",
        "echo x >> a/cache/keys",
        "echo x > a/cache/new",
        "echo x > a/cache/sub/new",
        "echo x > link/keys",
        "rm a/cache/keys",
        "mv a/cache/keys a/other/",
        "ln a/other/file a/cache/hard",
        "mkdir a/cache/d",
        ": > a/cache/keys",
        "(echo x > a/cache/keys) 2>/dev/null || sh -c 'echo x > a/cache/keys'",
    ] {
        let (done, protection) = without_writing_to(&cache, || shell(script, top));
        assert_eq!(
            protection,
            WriteProtection::Kept,
            "this kernel has no Landlock"
        );
        assert_eq!(done, Some(false), "{script}");
        assert_eq!(fs::read_to_string(cache.join("keys")).unwrap(), "good");
    }
    for script in [
        "cat a/cache/keys",
        "echo x > a/other/new && mkdir a/other/d && mv a/other/new a/other/d && rm -r a/other/d",
        "echo x > /dev/null",
    ] {
        let (done, _) = without_writing_to(&cache, || shell(script, top));
        assert_eq!(done, Some(true), "{script}");
    }
    // on that thread only
    fs::write(cache.join("keys"), "still ours").unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn a_file_system_that_does_not_answer_holds_up_nobody() {
    let (answer, hangs) = mpsc::channel::<()>();
    let found = run_with_timeout(Duration::from_millis(1), move || hangs.recv().is_ok());
    assert_eq!(found, None);
    drop(answer);
    assert_eq!(run_with_timeout(Duration::from_secs(600), || 5), Some(5));
}

#[test]
fn where_there_is_no_cache_there_is_nothing_to_keep() {
    let (done, protection) = without_writing_to(Path::new("/nonexistent/cache"), || 5);
    assert_eq!((done, protection), (Some(5), WriteProtection::NotNeeded));
}

#[test]
fn a_panic_is_no_answer() {
    let (done, _) = without_writing_to(Path::new("/nonexistent"), || panic!("on purpose"));
    assert_eq!(done, None::<()>);
}
