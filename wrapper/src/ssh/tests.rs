use super::*;

fn read(words: &[&str]) -> Option<(Option<String>, Vec<OsString>)> {
    let args = SshArgs::read(words.iter().map(OsString::from).collect()).ok()?;
    Some((args.account, args.args))
}

#[test]
fn the_account_is_named_directly_after_ssh_only() {
    let rest = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    assert_eq!(
        read(&["--account", "work", "-v", "host"]),
        Some((Some("work".into()), rest(&["-v", "host"])))
    );
    assert_eq!(
        read(&["--account=work", "host", "--account", "x"]),
        Some((Some("work".into()), rest(&["host", "--account", "x"])))
    );
    for words in [
        &["-v", "--account", "work", "host"][..],
        &["--", "--account"],
        &[],
    ] {
        assert_eq!(read(words), Some((None, rest(words))));
    }
    for words in [&["--account"][..], &["--account="], &["--account", ""]] {
        assert_eq!(read(words), None, "{words:?}");
    }
}
