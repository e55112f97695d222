use super::*;

fn found(yaml: &str) -> Vec<(String, u64, Option<&'static str>)> {
    let unknown = check_keys(yaml).unknown.into_iter();
    unknown.map(|u| (u.key, u.line, u.suggestion)).collect()
}

#[test]
fn every_section_has_its_own_keys() {
    let yaml = "default_provder: a\nproviders:\n  - alias: a\n    host: [x]\n    \
                client_id: 1.5\n    scopes: null\n  - Hosts:\n      - y\n    on-demand: off\n\
                agent:\n  hosts: [z]\n  accounts:\n    alice:\n      expiry: 1h\n      \
                forwardng: deny\nsomething: {else: true}\n";
    let expected = [
        ("default_provder", 1, Some("default_provider")),
        ("host", 4, Some("hosts")),
        ("Hosts", 7, Some("hosts")),
        ("on-demand", 9, Some("on_demand")),
        ("hosts", 11, None),
        ("expiry", 14, None),
        ("forwardng", 15, Some("forwarding")),
        ("something", 16, None),
    ];
    let mut found = found(yaml);
    found.sort_by_key(|(_, line, _)| *line);
    let expected = expected.map(|(key, line, meant)| (key.to_owned(), line, meant));
    assert_eq!(found, expected);
}

#[test]
fn known_keys_and_other_documents_are_no_matter() {
    let known = "default_provider: a\nproviders:\n  - {alias: a, issuer: i, hosts: [x], \
                 forwarding: deny, redirect_uris: [http://localhost:1/]}\n\
                 agent: {default_account: a, lock_on: [screen], public_forges: [], \
                 accounts: {b: {on_demand: off}}}\n";
    for yaml in [
        known,
        "",
        "---\n",
        "[1, 2]",
        "word",
        "providers: {a: b}",
        "a: [",
        "agent:",
    ] {
        assert_eq!(found(yaml), [], "{yaml}");
    }
}

#[test]
fn the_warning_names_file_and_line() {
    let [unknown] = &check_keys("providers:\n- host: [x]\n").unknown[..] else {
        panic!("not one");
    };
    assert_eq!(
        unknown.warning("config.yml"),
        "config.yml:2: unknown key host is ignored; did you mean hosts?"
    );
}
