use super::*;

fn line(entry: &str) -> Vec<String> {
    let command = command(entry, "https://x/?a=b").unwrap();
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect()
}

#[test]
fn the_url_is_appended_or_put_where_it_is_wanted() {
    assert_eq!(line("firefox"), ["firefox", "https://x/?a=b"]);
    assert_eq!(line("web --new %s"), ["web", "--new", "https://x/?a=b"]);
    assert_eq!(line("web --u=%s -x"), ["web", "--u=https://x/?a=b", "-x"]);
    assert!(command("  ", "https://x").is_none());
}

#[test]
fn the_first_command_that_starts_is_used() {
    let open = |commands| open("https://x", Some(commands), || ());
    assert!(open("/does/not/exist::/bin/true"));
    assert!(!open("/does/not/exist"));
}

#[test]
fn commands_are_tried_until_one_does_not_fail() {
    let (failed, has_failed) = std::sync::mpsc::channel();
    let open = |commands| {
        let failed = failed.clone();
        assert!(open("https://x", Some(commands), move || failed
            .send(())
            .unwrap()));
    };
    open("/bin/false:/does/not/exist:/bin/false");
    has_failed.recv().unwrap();
    open("/bin/false:/bin/true");
    drop(failed);
    assert!(has_failed.recv().is_err(), "the last one did not");
}

#[test]
fn only_web_addresses_are_opened() {
    for url in ["--help", "file:///etc/passwd", "javascript:alert(1)", ""] {
        assert!(!open(url, Some("/bin/true"), || ()), "{url}");
    }
}
