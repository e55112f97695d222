//! What most tests start from: a home whose client configuration names a provider, the browser
//! that logs in there, and the few commands that every test runs.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use opkssh_test_support::{
    Browser, Client, Home, Output, Provider, ProviderOptions, Run, free_port, wait_until,
};
use serde_json::Value;

/// The program under test.
pub const OPKSSH: &str = env!("CARGO_BIN_EXE_opkssh");

/// A home with a provider, alias `test`, and alice at the browser. Nothing has run in it yet.
pub struct Setup {
    // dropped first: the daemon ends while its provider is still there
    pub home: Home,
    pub browser: Browser,
    pub provider: Provider,
}

impl Setup {
    /// The provider's default behaviour and a plain configuration.
    pub fn new() -> Self {
        Self::with(ProviderOptions::default(), &[])
    }

    /// `lines` are added to the provider's entry in the configuration, such as `expiration: oidc`
    /// or `hosts: [localhost]`.
    pub fn with(options: ProviderOptions, lines: &[&str]) -> Self {
        let home = Home::new(OPKSSH);
        let provider = Provider::start(options);
        provider.trusted_in(&home);
        let browser = Browser::install(&home);
        let entry = entry("test", provider.issuer(), provider.client(), lines);
        write_config(&home, &[entry]);
        Self {
            home,
            browser,
            provider,
        }
    }

    /// `opkssh login` with these arguments, which must succeed; its stdout.
    pub fn login(&self, args: &[&str]) -> String {
        self.home
            .opkssh(["login"].iter().chain(args))
            .run()
            .stdout()
    }

    /// A program that talks to the agent: `SSH_AUTH_SOCK` is ours.
    pub fn with_agent(&self, program: &str) -> Run {
        self.home
            .command(program)
            .env("SSH_AUTH_SOCK", agent_socket(&self.home))
    }

    /// Adds so many new keys to the agent, which runs.
    pub fn add_keys(&self, count: usize) {
        for number in 0..count {
            let file = format!("key{number}");
            let keygen = self.home.command("ssh-keygen");
            let keygen = keygen.args(["-q", "-t", "ed25519", "-N", "", "-f", &file]);
            keygen.run().stdout();
            assert!(self.with_agent("ssh-add").arg(&file).run().success());
        }
    }

    /// Has the agent sign with the key of the certificate in this file, as OpenSSH checks it.
    pub fn try_key(&self, certificate: &Path) -> Output {
        self.with_agent("ssh-add").arg("-T").arg(certificate).run()
    }

    /// The agent signs with the key of this certificate.
    #[track_caller]
    pub fn signs_for(&self, certificate: &str) {
        let file = self.home.write("cert.pub", certificate);
        let tried = self.try_key(&file);
        assert!(tried.success(), "{}", tried.stderr());
    }

    /// The one certificate that the agent lists, as a line.
    pub fn certificate(&self) -> String {
        let list = self.with_agent("ssh-add").arg("-L").run().stdout();
        let mut certificates = list.lines().filter(|line| line.contains("-cert-v01@"));
        match (certificates.next(), certificates.next()) {
            (Some(line), None) => line.to_owned(),
            _ => panic!("not exactly one certificate in the agent:\n{list}"),
        }
    }
}

/// An entry of the client configuration, with a free redirect port of its own: the default ports
/// are one set for the whole machine, and tests run side by side.
pub fn entry(alias: &str, issuer: &str, client: &Client, lines: &[&str]) -> String {
    let mut entry = format!(
        "  - alias: {alias}\n    issuer: {issuer}\n    client_id: {}\n    \
         scopes: openid email profile offline_access\n    redirect_uris:\n      \
         - http://localhost:{}/login-callback\n",
        client.id,
        free_port()
    );
    if let Some(secret) = &client.secret {
        let _ = writeln!(entry, "    client_secret: {secret}");
    }
    for line in lines {
        let _ = writeln!(entry, "    {line}");
    }
    entry
}

/// Writes `~/.opk/config.yml` with these entries, the first of them the default.
pub fn write_config(home: &Home, entries: &[String]) -> PathBuf {
    let first = entries[0].lines().next().unwrap_or_default();
    let default = first.trim_start_matches("  - alias: ");
    let text = format!(
        "default_provider: {default}\nproviders:\n{}",
        entries.concat()
    );
    home.write(".opk/config.yml", text)
}

/// Where ssh finds the agent of `home`.
pub fn agent_socket(home: &Home) -> PathBuf {
    home.runtime_dir().join("opkssh/agent.sock")
}

/// `opkssh status --json`.
pub fn status(home: &Home) -> Value {
    let text = home.opkssh(["status", "--json"]).run().stdout();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The daemon's process id, from its own `status`.
pub fn daemon_pid(home: &Home) -> i32 {
    let status = status(home);
    let pid = status["agent"]["pid"].as_i64();
    pid.and_then(|pid| pid.try_into().ok())
        .unwrap_or_else(|| panic!("no pid of the daemon in {status}"))
}

/// Ends the daemon without a chance to tidy up, as a crash or the kernel would.
pub fn kill_daemon(home: &Home) {
    let pid = daemon_pid(home);
    let killed = home.command("kill").args(["-9", &pid.to_string()]).run();
    killed.stdout();
    // its last thread closes the sockets, a moment after the process counts as dead
    let control = home.runtime_dir().join("opkssh/control.sock");
    wait_until("the daemon is gone", || {
        UnixStream::connect(&control).is_err().then_some(())
    });
}

/// The daemon's log.
pub fn daemon_log(home: &Home) -> String {
    std::fs::read_to_string(home.dir().join(".local/state/opkssh/agent.log")).unwrap_or_default()
}

/// Runs `opkssh` with the words of `command` on a terminal of its own, where a person answers each
/// of these prompts with these keys. What the terminal showed is its stdout.
pub fn typed(home: &Home, command: &str, answers: &[(&str, &str)]) -> Output {
    let fifo = home.runtime_dir().join("keys");
    let _ = std::fs::remove_file(&fifo);
    home.command("mkfifo").arg(&fifo).run().stdout();
    let line = format!("'{OPKSSH}' {command}");
    let on_terminal = "exec script -qec \"$1\" /dev/null <\"$2\"";
    let run = home.command("sh").args(["-c", on_terminal, "sh", &line]);
    let mut running = run.arg(&fifo).start();
    let mut keyboard = File::options().write(true).open(&fifo).expect("the keys");
    for (prompt, keys) in answers {
        running.wait_for(prompt);
        keyboard.write_all(keys.as_bytes()).expect("a key");
    }
    running.wait()
}
