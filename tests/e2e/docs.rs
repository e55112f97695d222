//! The examples in README.md and `docs/`: YAML is read by the program that reads such files, and
//! what can run here runs. That every command line in them parses is a test of `src/parse.rs`.

use std::fs;
use std::path::Path;

use opkssh_test_support::{Etc, Home, Part, left_out, write_program};
use serde_json::Value;

use crate::server::verify_refusals::attempt::Attempt;
use crate::setup::{OPKSSH, Setup};

/// A block of code in a document.
struct Block {
    document: &'static str,
    heading: String,
    language: String,
    text: String,
}

impl Block {
    fn is_in(&self, document: &str, heading: &str) -> bool {
        self.document == document && self.heading == heading
    }
}

fn blocks() -> Vec<Block> {
    let documents = [
        "README.md",
        "docs/configuration.md",
        "docs/providers.md",
        "docs/rules.md",
    ];
    let mut blocks = Vec::new();
    for document in documents {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
        let text = fs::read_to_string(path).unwrap();
        let mut heading = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(language) = line.strip_prefix("```") {
                let code = lines.by_ref().take_while(|line| !line.starts_with("```"));
                blocks.push(Block {
                    document,
                    heading: heading.clone(),
                    language: language.to_owned(),
                    text: code.flat_map(|line| [line, "\n"]).collect(),
                });
            } else if line.starts_with('#') {
                heading = line.trim_start_matches('#').trim().to_owned();
            }
        }
    }
    assert!(blocks.len() > 30, "only {}", blocks.len());
    blocks
}

fn block(document: &str, heading: &str) -> String {
    let found = blocks().into_iter().find(|it| it.is_in(document, heading));
    found
        .unwrap_or_else(|| panic!("no example below {heading} of {document}"))
        .text
}

/// What reads a block of YAML.
#[derive(PartialEq)]
enum Reader {
    Client,
    ServerConfig,
    ServerYml,
    Plugin,
    Rules,
}

fn reader(block: &Block) -> Reader {
    match (block.document, block.heading.as_str()) {
        ("docs/providers.md", _) => Reader::Client,
        ("docs/rules.md", _) => Reader::Rules,
        (_, "The client's config.yml" | "With the screen, and for sleep") => Reader::Client,
        (_, "config.yml") => Reader::ServerConfig,
        (_, "server.yml") => Reader::ServerYml,
        (_, "policy.d") => Reader::Plugin,
        (document, heading) => panic!("what reads the YAML below {heading} of {document}?"),
    }
}

fn yaml(by: &Reader) -> Vec<String> {
    let blocks = blocks()
        .into_iter()
        .filter(|block| block.language == "yaml");
    let read: Vec<_> = blocks.filter(|block| reader(block) == *by).collect();
    assert!(!read.is_empty());
    read.into_iter().map(|block| block.text).collect()
}

#[test]
fn the_client_reads_its_examples_without_a_warning() {
    let home = Home::new(OPKSSH);
    for example in yaml(&Reader::Client) {
        // providers.md shows single entries
        let text = match example.trim_start().starts_with("- alias") {
            true => format!("providers:\n{example}"),
            false => example,
        };
        let file = home.write("config.yml", &text);
        let list = home.opkssh(["client", "provider", "list", "--config-path"]);
        let listed = list.arg(&file).run();
        assert_eq!(listed.stderr(), "", "{text}");
        assert_eq!(
            listed.stdout().is_empty(),
            !text.contains("issuer:"),
            "{text}"
        );
        // it warns of unknown keys, and ends before it asks anybody
        let login = home
            .opkssh(["login", "no-such-alias", "--config-path"])
            .arg(&file);
        let tried = login.run();
        assert_eq!(tried.code(), Some(1), "{text}");
        let said = tried.any_stdout() + &tried.stderr();
        assert!(
            !said.contains("Warning") && !said.contains("unknown key"),
            "{text}{said}"
        );
    }
}

#[test]
fn verify_reads_the_examples_of_the_server_s_files() {
    let unusable = "cannot be used";
    for (by, name) in [
        (Reader::ServerConfig, "config.yml"),
        (Reader::ServerYml, "server.yml"),
        (Reader::Rules, "rules.yml"),
    ] {
        for example in yaml(&by) {
            let attempt = Attempt::new();
            attempt.etc.write(name, &example);
            let _ = attempt.verify();
            let log = attempt.etc.log();
            assert!(log.contains("verif"), "no decision: {log}");
            assert!(!log.contains(unusable), "{example}\n{log}");
            // the check would see it
            attempt
                .etc
                .write(name, &format!("{example}\nfrobnicate_users: [x]\n"));
            attempt.verify().refused();
            assert!(
                attempt.etc.log().contains(unusable),
                "{}",
                attempt.etc.log()
            );
        }
    }
}

#[test]
fn a_plugin_s_example_is_read_and_only_its_program_is_missing() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    fs::create_dir(etc.dir().join("policy.d")).unwrap();
    for example in yaml(&Reader::Plugin) {
        etc.write("policy.d/example.yml", &example);
        let audit = home.opkssh(["audit", "--offline", "--skip-user-policy", "--etc"]);
        let said = audit.arg(etc.dir()).run().any_stdout();
        assert!(
            said.contains("/usr/local/libexec/opkssh-office-hours"),
            "{said}"
        );
    }
}

/// What `audit --json` says of these files.
fn audited(home: &Home, etc: &Etc) -> Value {
    let audit = home.opkssh(["audit", "--json", "--offline", "--skip-user-policy"]);
    let report = audit.arg("--etc").arg(etc.dir()).run().any_stdout();
    serde_json::from_str(&report).unwrap()
}

#[test]
fn every_row_of_the_tables_is_one() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    etc.write("providers", &block("docs/configuration.md", "providers"));
    let rows = block("docs/configuration.md", "auth_id");
    etc.write("auth_id", &rows);
    let report = audited(&home, &etc);
    let read = report["system_policy"]["rows"].as_array().unwrap();
    let written = rows.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(read.len(), written, "{report}");
    let text = report.to_string();
    for problem in ["wrong number of", "unable to parse", "invalid expiration"] {
        assert!(!text.contains(problem), "{text}");
    }
    // each example of a provider's row is three words
    for block in blocks()
        .iter()
        .filter(|it| it.document == "docs/providers.md")
    {
        for row in block.text.lines().filter(|row| row.starts_with("https://")) {
            assert_eq!(row.split_whitespace().count(), 3, "{row}");
        }
    }
}

#[test]
fn ssh_reads_the_examples_for_its_configuration() {
    let home = Home::new(OPKSSH);
    let examples: Vec<_> = blocks()
        .into_iter()
        .filter(|block| block.text.starts_with("Match "))
        .collect();
    assert_eq!(examples.len(), 2);
    let bin = home.dir().join("bin");
    fs::create_dir(&bin).unwrap();
    write_program(&bin.join("opkssh"), "#!/bin/sh\nexit 0\n");
    let path = format!("{}:/usr/bin:/bin", bin.display());
    for example in examples {
        let file = home.write("ssh_config", &example.text);
        let ssh = home.command("ssh").env("PATH", &path).args(["-G", "-F"]);
        let read = ssh.arg(file).arg("build.example.com").run().stdout();
        let socket = home.runtime_dir().join("opkssh/agent.sock");
        let line = format!("identityagent {}", socket.display());
        assert!(read.contains(&line), "{}\n{read}", example.text);
    }
}

/// The lines of the README for a new server, with a directory in the place of `/etc/opk`.
#[test]
fn the_readme_s_rows_for_a_new_server_are_right() {
    let (home, etc) = (Home::new(OPKSSH), Etc::new());
    let dir = etc.dir().display().to_string();
    let text = blocks()
        .into_iter()
        .find(|block| block.document == "README.md" && block.text.contains(">> /etc/opk"))
        .unwrap()
        .text;
    let google = "https://accounts.google.com CLIENT_ID 24h\n";
    etc.write("providers", google);
    for line in text.lines().filter(|line| !line.contains("opkssh ssh")) {
        let line = line
            .replace("opkssh add", &format!("'{OPKSSH}' add --etc '{dir}'"))
            .replace("/etc/opk", &dir);
        home.command("sh").args(["-euc", &line]).run().stdout();
    }
    let report = audited(&home, &etc);
    let rows = report["system_policy"]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{report}");
    for row in rows {
        assert!(!row.to_string().contains("issuer not found"), "{row}");
    }
}

/// The lines of the README's tour, but for those that need a server, a device or systemd.
#[test]
fn the_readme_s_tour_runs() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let config = setup.home.dir().join(".opk/config.yml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace("alias: test", "alias: test work")).unwrap();
    let bin = setup.home.dir().join("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(OPKSSH, bin.join("opkssh")).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let mut script = String::from("set -e\n");
    let mut lines = 0;
    for line in block("README.md", "A minute's tour").lines() {
        let line = line.strip_prefix("$ ").unwrap();
        let needs = [
            "--device",
            "opkssh ssh",
            "agent install",
            "--host host",
            "agent lock",
        ];
        if !needs.iter().any(|words| line.contains(words)) {
            lines += 1;
            script += &format!("{line}\n");
        }
    }
    assert!(lines > 5, "{script}");
    let shell = setup.home.command("sh").env("PATH", path);
    let said = shell.args(["-c", &script]).run().stdout();
    assert!(said.contains("In the agent as \"alice\""), "{said}");
    assert!(said.contains("(ECDSA-CERT)"), "{said}");
    assert!(said.contains("Logged out of"), "{said}");
}

#[test]
fn the_readme_s_status_of_an_account_is_what_status_prints() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let shown = setup.home.opkssh(["status"]).run().stdout();
    let sample = blocks()
        .into_iter()
        .find(|block| block.document == "README.md" && block.text.contains("\n  Renewal "));
    let sample = sample.unwrap().text;
    let rows = |text: &str| -> Vec<String> {
        let lines = text
            .lines()
            .skip_while(|line| !line.contains(" (default): "));
        let lines = lines.take_while(|line| !line.is_empty());
        // times, addresses and names differ
        let words = lines.map(|line| match line.starts_with("  Hosts") {
            true => line,
            false => &line[..line.len().min(13)],
        });
        words.skip(1).map(str::to_owned).collect()
    };
    assert_eq!(rows(&sample), rows(&shown));
}
