use super::*;

fn page(name: &str) -> String {
    let found = pages().into_iter().find(|(file, _)| file == name);
    found.unwrap_or_else(|| panic!("no page {name}")).1
}

#[test]
fn every_command_has_a_page_with_every_long_flag() {
    fn check(command: &clap::Command) {
        let name = page_name(command);
        let text = page(&format!("{name}.{}", section(name)));
        let options = command.get_arguments().filter(|arg| !arg.is_hide_set());
        for flag in options.filter_map(|arg| arg.get_long()) {
            assert!(
                text.contains(&escaped(&format!("--{flag}"))),
                "{name}: --{flag}"
            );
        }
        assert!(text.contains(".SH EXAMPLES"), "{name}");
        subcommands(command).for_each(check);
    }
    let mut root = commands();
    root.build();
    check(&root);
}

#[test]
fn the_sections_of_the_documents_are_in_pages() {
    let titles = other_titles();
    assert!(titles.contains(&"Exit status"), "{titles:?}");
    let named = CONTINUED.iter().flat_map(|(_, titles)| *titles);
    for title in named.chain(CLIENT_CONFIG).chain(SERVER_FILES) {
        assert!(!sections(CONFIGURATION, &[*title]).is_empty(), "{title}");
    }
}

#[test]
fn continued_pages_are_those_of_commands() {
    let pages = pages();
    for (name, _) in CONTINUED {
        let file = format!("{name}.{}", section(name));
        assert!(pages.iter().any(|(page, _)| *page == file), "{file}");
    }
}
