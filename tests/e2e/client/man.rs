//! `opkssh man`: pages that mandoc has nothing to say against, and that man shows.

use std::fs;
use std::path::PathBuf;

use opkssh_test_support::Home;

use crate::setup::OPKSSH;

/// The pages, as files.
fn pages(home: &Home) -> Vec<PathBuf> {
    let directory = home.dir().join("man");
    let said = home.opkssh(["man"]).arg(&directory).run();
    assert_eq!(said.stderr(), "");
    let mut pages = Vec::new();
    for section in ["man1", "man5", "man8"] {
        let files = fs::read_dir(directory.join(section)).unwrap();
        pages.extend(files.map(|file| file.unwrap().path()));
    }
    let line = format!(
        "Wrote {} pages. Read the first: man -M {} opkssh\n",
        pages.len(),
        directory.display()
    );
    assert_eq!(said.stdout(), line);
    pages
}

#[test]
fn the_pages_pass_mandoc_s_lint() {
    let home = Home::new(OPKSSH);
    let pages = pages(&home);
    let lint = home.command("mandoc").args(["-T", "lint", "-W", "warning"]);
    let said = lint.args(&pages).run().any_stdout();
    // pages have no date, and the list of an option's values is clap's
    let known = ["missing date", "skipping paragraph macro: br"];
    let problems: Vec<_> = said
        .lines()
        .filter(|line| !known.iter().any(|known| line.contains(known)))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn commands_and_files_have_pages_that_say_what_the_help_and_the_documents_say() {
    let home = Home::new(OPKSSH);
    let pages = pages(&home);
    let shown = |name: &str| {
        let page = pages.iter().find(|page| page.ends_with(name));
        let page = page.unwrap_or_else(|| panic!("no {name}"));
        let mandoc = home
            .command("mandoc")
            .args(["-T", "utf8", "-O", "width=200"]);
        let text = mandoc.arg(page).run().stdout();
        // bold letters are printed twice, with a backspace between
        let mut plain = String::new();
        for letter in text.chars() {
            match letter {
                '\u{8}' => drop(plain.pop()),
                letter => plain.push(letter),
            }
        }
        plain
    };
    for (page, words) in [
        (
            "opkssh.1",
            &["NAME", "opkssh-login(1)", "OPKSSH_DEFAULT", "EXAMPLES"][..],
        ),
        (
            "opkssh-login.1",
            &["--device", "opkssh login work --as alice"],
        ),
        ("opkssh-agent.1", &["opkssh-agent-start(1)", "--idle-stop"]),
        ("opkssh-agent-start.1", &["--memory-lock", "--fish"]),
        (
            "opkssh-verify.8",
            &["AuthorizedKeysCommandUser opksshuser", "--log-file", "ppid"],
        ),
        ("opkssh-server-revoke.8", &["--subject"]),
        (
            "opkssh-config.5",
            &["default_provider: work", "expiration (ours) (default: 24h)"],
        ),
        (
            "opkssh-server.5",
            &["policy.d", "stale_if_error", "oidc-match-end:email"],
        ),
        (
            "opkssh-rules.5",
            &["never_accounts: [backup]", "client_address", "revoked.yml"],
        ),
    ] {
        let text = shown(page);
        for word in words {
            assert!(text.contains(word), "no {word} in {page}: {text}");
        }
        assert!(!text.contains("]("), "{page} has a link: {text}");
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let home = Home::new(OPKSSH);
    let file = home.write("file", "");
    let refused = home.opkssh(["man"]).arg(&file).run();
    assert_eq!(
        refused.refused(),
        format!(
            "Error: cannot write {0}/man1/opkssh.1: Not a directory (os error 20)\n\
             hint: name a directory that you may write to: opkssh man ~/.local/share/man\n",
            file.display()
        )
    );
    assert_eq!(refused.any_stdout(), "");
}
