//! `opkssh man`: pages of commands from the parser, the rest from `docs/`.

mod roff;

use std::fs;
use std::path::Path;

use clap_mangen::Man;

use crate::parse::{commands, examples};
use crate::report::{CommandFailure, print_line};
use roff::{escaped, from_markdown};

const CONFIGURATION: &str = include_str!("../docs/configuration.md");
#[cfg(feature = "server")]
const RULES: &str = include_str!("../docs/rules.md");

/// The commands whose pages are in section 8, as they are for admins of servers.
const SECTION_8: [&str; 9] = [
    "add",
    "audit",
    "explain",
    "list",
    "permissions",
    "readhome",
    "remove",
    "server",
    "verify",
];

/// The pages that continue with these sections of `docs/configuration.md`. Those that no page
/// names are in opkssh(1).
const CONTINUED: [(&str, &[&str]); 7] = [
    (
        "opkssh-agent",
        &[
            "How the agent runs",
            "Lock",
            "With the screen, and for sleep",
        ],
    ),
    ("opkssh-audit", &["explain and audit"]),
    ("opkssh-explain", &["explain and audit"]),
    ("opkssh-server-cache", &["The key cache"]),
    ("opkssh-server-install", &["Installing on a server"]),
    (
        "opkssh-verify",
        &["verify and sshd", "The log of verify", "What verify may do"],
    ),
    ("opkssh-server-check", &["What verify may do"]),
];

const CLIENT_CONFIG: &[&str] = &["The client's config.yml"];

const SERVER_FILES: &[&str] = &[
    "Server files",
    "providers",
    "auth_id",
    "config.yml",
    "policy.d",
    "server.yml",
    "Another AuthorizedKeysCommand",
];

/// A page about files: name, description, text, and its sections, all of them if none is named.
type FormatPage = (
    &'static str,
    &'static str,
    &'static str,
    &'static [&'static str],
);

const FORMATS: &[FormatPage] = &[
    #[cfg(feature = "client")]
    (
        "opkssh-config",
        "client configuration of opkssh",
        CONFIGURATION,
        CLIENT_CONFIG,
    ),
    #[cfg(feature = "server")]
    (
        "opkssh-rules",
        "rules and revocations of an opkssh server",
        RULES,
        &[],
    ),
    #[cfg(feature = "server")]
    (
        "opkssh-server",
        "files of an opkssh server: providers, auth_id, config.yml, policy.d, server.yml",
        CONFIGURATION,
        SERVER_FILES,
    ),
];

/// Writes all pages below `directory`, in `man1`, `man5` and `man8`.
pub fn write_pages(directory: &Path) -> Result<(), CommandFailure> {
    let pages = pages();
    for (name, text) in &pages {
        let section = name.rsplit('.').next().unwrap_or_default();
        let directory = directory.join(format!("man{section}"));
        let file = directory.join(name);
        fs::create_dir_all(&directory)
            .and_then(|()| fs::write(&file, text))
            .map_err(|error| {
                let message = format!("cannot write {}: {error}", file.display());
                let hint = "name a directory that you may write to: opkssh man ~/.local/share/man";
                CommandFailure::new(message, Some(hint.into()))
            })?;
    }
    let (count, directory) = (pages.len(), directory.display());
    print_line(&format!(
        "Wrote {count} pages. Read the first: man -M {directory} opkssh"
    ));
    Ok(())
}

/// Returns the name of the file and the text of each page.
fn pages() -> Vec<(String, String)> {
    let mut root = commands();
    root.build();
    let mut pages = Vec::new();
    command_pages(&root, &mut pages);
    pages.extend(FORMATS.iter().map(format_page));
    pages
}

/// Adds the pages of a command and of those below it.
fn command_pages(command: &clap::Command, pages: &mut Vec<(String, String)>) {
    let name = page_name(command);
    let section = section(name);
    let mut page = title(name, section).into_bytes();
    let manual = Man::new(command.clone());
    // writing into memory does not fail
    let _ = manual
        .render_name_section(&mut page)
        .and_then(|()| manual.render_description_section(&mut page));
    if command.get_arguments().any(|arg| !arg.is_hide_set()) {
        let _ = manual.render_options_section(&mut page);
    }
    let mut page = String::from_utf8_lossy(&page).into_owned();
    let usage = command.clone().render_usage().to_string();
    let usage = escaped(usage.trim_start_matches("Usage: "));
    page = page.replacen(
        ".SH DESCRIPTION",
        &format!(".SH SYNOPSIS\n{usage}\n.SH DESCRIPTION"),
        1,
    );
    if let Some(notes) = command.get_after_help() {
        page += &format!(".SH NOTES\n{}", from_markdown(&notes.to_string()));
    }
    if command.has_subcommands() {
        page += ".SH COMMANDS\n";
    }
    for sub in subcommands(command) {
        let about = sub.get_about().map(ToString::to_string);
        let (sub, about) = (
            reference(page_name(sub)),
            escaped(&about.unwrap_or_default()),
        );
        page += &format!(".TP\n{sub}\n{about}\n");
    }
    let examples = examples(&name.replace('-', " "));
    if !examples.is_empty() {
        page += &format!(".SH EXAMPLES\n.nf\n{}.fi\n", escaped(&examples));
    }
    let continued = CONTINUED.iter().filter(|(page, _)| *page == name);
    for title in continued.flat_map(|(_, titles)| *titles) {
        page += &sections(CONFIGURATION, &[*title]);
    }
    if name == "opkssh" {
        page += &sections(CONFIGURATION, &other_titles());
    }
    page += &see_also(name);
    pages.push((format!("{name}.{section}"), page));
    for sub in subcommands(command) {
        command_pages(sub, pages);
    }
}

fn format_page((name, about, text, titles): &FormatPage) -> (String, String) {
    let page = format!(
        "{}.SH NAME\n{} \\- {about}\n{}{}",
        title(name, "5"),
        escaped(name),
        sections(text, titles),
        see_also(name)
    );
    (format!("{name}.5"), page)
}

/// Returns the first line of a page. It has no date: the same program writes the same pages.
fn title(name: &str, section: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!(".TH {name} {section} \"\" \"opkssh {version}\" opkssh\n")
}

/// Returns the commands with pages of their own.
fn subcommands(command: &clap::Command) -> impl Iterator<Item = &clap::Command> {
    let subcommands = command.get_subcommands();
    subcommands.filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
}

fn page_name(command: &clap::Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

fn section(name: &str) -> &'static str {
    match name.split('-').nth(1) {
        Some(command) if SECTION_8.contains(&command) => "8",
        _ => "1",
    }
}

fn reference(name: &str) -> String {
    format!("\\fB{}\\fR({})", escaped(name), section(name))
}

/// Returns the page of the group, and those of files.
fn see_also(name: &str) -> String {
    let group = name.rsplit_once('-').map(|(group, _)| reference(group));
    let formats = FORMATS.iter().filter(|(other, ..)| *other != name);
    let formats = formats.map(|(other, ..)| format!("\\fB{}\\fR(5)", escaped(other)));
    let all: Vec<_> = group.into_iter().chain(formats).collect();
    format!(".SH SEE ALSO\n{}\n", all.join(",\n"))
}

/// Returns the titles in `docs/configuration.md` that no page names.
fn other_titles() -> Vec<&'static str> {
    let named = CONTINUED.iter().flat_map(|(_, titles)| *titles);
    let named: Vec<_> = named.chain(CLIENT_CONFIG).chain(SERVER_FILES).collect();
    // the first one is the document's own
    let all = roff::sections(CONFIGURATION).into_iter().skip(1);
    let titles = all.map(|(title, _)| title);
    titles.filter(|title| !named.contains(&title)).collect()
}

/// Returns the sections of a document with these titles, or all of it, as sections of a page.
fn sections(document: &str, titles: &[&str]) -> String {
    let mut page = String::new();
    for (title, body) in roff::sections(document) {
        if titles.is_empty() || titles.contains(&title) {
            page += &format!(".SH \"{}\"\n{}", escaped(title), from_markdown(body));
        }
    }
    page
}

#[cfg(test)]
mod tests;
