use super::*;

fn notices(settings: &Settings) -> Vec<String> {
    let warnings = settings.look().warnings().to_vec();
    settings.unreadable().into_iter().chain(warnings).collect()
}

#[test]
fn a_file_that_cannot_be_looked_for_lets_no_other_count() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name| directory.path().join(name);
    std::fs::write(file("second"), "agent: {default_account: a}\n").unwrap();
    let settings = Settings::new(vec![file("first"), file("second")]);
    assert_eq!(settings.look().default_account(), Some("a"));
    assert_eq!(notices(&settings), [""; 0]);

    std::os::unix::fs::symlink("loop", file("loop")).unwrap();
    let settings = Settings::new(vec![file("loop"), file("second")]);
    assert_eq!(settings.look().default_account(), None);
    let told = notices(&settings);
    assert!(told[0].contains("/loop: "), "{told:?}");
    // it is tried again when it has changed
    std::fs::remove_file(file("loop")).unwrap();
    assert_eq!(settings.look().default_account(), Some("a"));
    assert_eq!(notices(&settings), [""; 0]);
}

#[test]
fn an_empty_file_widens_nothing_and_another_file_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = |name| directory.path().join(name);
    let settings = Settings::new(vec![file("first"), file("second")]);
    let narrow = "agent: {default_account: a, accounts: {wor: {hosts: [web]}}}\n";
    std::fs::write(file("first"), narrow).unwrap();
    assert_eq!(settings.look().default_account(), Some("a"));
    let unknown = settings.look().unknown_accounts(&["work"]);
    assert!(
        unknown[0].ends_with("no account wor; did you mean work?"),
        "{unknown:?}"
    );
    assert_eq!(settings.look().unknown_accounts(&["wor"]), [""; 0]);
    for blank in ["", "# nothing\n", "--- ~\n", "---\nnull\n"] {
        std::fs::write(file("first"), blank).unwrap();
        assert_eq!(settings.look().default_account(), Some("a"));
        let told = notices(&settings);
        assert!(told[0].contains("first: the file is empty"), "{told:?}");
    }
    std::fs::write(file("second"), "agent: {default_account: b}\n").unwrap();
    std::fs::remove_file(file("first")).unwrap();
    assert_eq!(settings.look().default_account(), Some("b"));
    let told = notices(&settings);
    assert!(told[0].contains("first is gone"), "{told:?}");
}

#[test]
fn what_was_read_counts_while_the_file_is_broken() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.yml");
    let settings = Settings::new(vec![file.clone()]);
    std::fs::write(&file, "agent: {default_account: a}\n").unwrap();
    assert_eq!(settings.look().default_account(), Some("a"));
    std::fs::write(&file, "agent:\n  - {[\n").unwrap();
    assert_eq!(settings.look().default_account(), Some("a"));
    let told = notices(&settings);
    assert!(told[0].contains("config.yml:2"), "{told:?}");
    std::fs::write(&file, "agent: {default_account: bob}\n").unwrap();
    assert_eq!(settings.look().default_account(), Some("bob"));
    assert_eq!(notices(&settings), [""; 0]);
}
