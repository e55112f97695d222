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
    assert!(open("https://x", Some("/does/not/exist::/bin/true")));
    assert!(!open("https://x", Some("/does/not/exist")));
}

#[test]
fn only_web_addresses_are_opened() {
    for url in ["--help", "file:///etc/passwd", "javascript:alert(1)", ""] {
        assert!(!open(url, Some("/bin/true")), "{url}");
    }
}
