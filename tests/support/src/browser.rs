//! A scripted browser that programs find as `$BROWSER`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Home;
use crate::parts::part;
use crate::program_file::write_program;
use crate::wait::wait_until;

/// What the person at the browser does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrowserMode {
    /// Logs in and consents.
    Login,
    /// Clicks cancel.
    Deny,
    /// Does not look at the window.
    Ignore,
    /// Logs in on another machine: the callback there is answered by nobody.
    Elsewhere,
    /// Is lured to the callback with a state that the program did not choose.
    WrongState,
}

/// The browser of a [`Home`]. Its log and cookies lie outside `$HOME`.
pub struct Browser {
    launcher: PathBuf,
    log: PathBuf,
    jar: PathBuf,
    ca_file: Option<PathBuf>,
}

/// One time that a program opened the browser and the browser came to an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    pub url: String,
    /// Empty when the browser could not go on; `text` says why.
    pub final_url: String,
    pub status: u64,
    pub text: String,
}

impl Browser {
    /// Installs the browser as `$BROWSER` of `home`, with alice at it. The CA
    /// is what `SSL_CERT_FILE` says in `home` now.
    pub fn install(home: &Home) -> Self {
        let browser = Self {
            launcher: home.beside("browser"),
            log: home.beside("browser.log"),
            jar: home.beside("browser.cookies"),
            ca_file: home.var("SSL_CERT_FILE").map(PathBuf::from),
        };
        browser.behave("alice", BrowserMode::Login);
        home.set("BROWSER", &browser.launcher);
        browser
    }

    /// Says who sits at the browser from now on and what they do.
    pub fn behave(&self, user: &str, mode: BrowserMode) {
        self.write_launcher(user, mode, &[]);
    }

    /// As [`Browser::behave`], picking `provider` where the program shows a choice.
    pub fn choose(&self, user: &str, provider: &str) {
        self.write_launcher(
            user,
            BrowserMode::Login,
            &[("OPKSSH_TEST_PROVIDER", provider.to_owned())],
        );
    }

    /// As [`Browser::behave`] with [`BrowserMode::Login`], keeping its cookies
    /// from one opening to the next: the provider remembers the person.
    pub fn remember(&self, user: &str) {
        let jar = self.jar.display().to_string();
        self.write_launcher(
            user,
            BrowserMode::Login,
            &[("OPKSSH_TEST_BROWSER_JAR", jar)],
        );
    }

    /// How often a program opened the browser.
    pub fn openings(&self) -> usize {
        self.lines()
            .iter()
            .filter(|line| line["opened"].is_string())
            .count()
    }

    /// The URLs that were opened, oldest first.
    pub fn opened(&self) -> Vec<String> {
        self.lines()
            .iter()
            .filter_map(|line| line["opened"].as_str().map(str::to_owned))
            .collect()
    }

    /// Waits until the browser came to an end `count` times; gives the last one.
    pub fn wait_for(&self, count: usize) -> Opening {
        wait_until("the browser is done", || {
            self.ends().into_iter().nth(count - 1)
        })
    }

    /// The browser as a program, for tests that play a person themselves.
    pub fn launcher(&self) -> &Path {
        &self.launcher
    }

    fn ends(&self) -> Vec<Opening> {
        let lines = self.lines();
        let ends = lines.iter().filter(|line| line["final_text"].is_string());
        ends.map(|line| Opening {
            url: line["url"].as_str().unwrap_or_default().to_owned(),
            final_url: line["final_url"].as_str().unwrap_or_default().to_owned(),
            status: line["final_status"].as_u64().unwrap_or_default(),
            text: line["final_text"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        // The last line may be half written.
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    // The settings are written down in the launcher, because it may be started
    // by a daemon that passes on nothing of the test's environment.
    fn write_launcher(&self, user: &str, mode: BrowserMode, more: &[(&str, String)]) {
        let mode = match mode {
            BrowserMode::Login => "login",
            BrowserMode::Deny => "deny",
            BrowserMode::Ignore => "ignore",
            BrowserMode::Elsewhere => "elsewhere",
            BrowserMode::WrongState => "wrong-state",
        };
        let mut script = String::from("#!/bin/sh\n");
        let mut set =
            |name: &str, value: &str| script += &format!("export {name}={}\n", quoted(value));
        set("OPKSSH_TEST_USER", user);
        set("OPKSSH_TEST_BROWSER_MODE", mode);
        set("OPKSSH_TEST_BROWSER_LOG", &self.log.to_string_lossy());
        if let Some(ca) = &self.ca_file {
            set("SSL_CERT_FILE", &ca.to_string_lossy());
        }
        for (name, value) in more {
            set(name, value);
        }
        let node = quoted(&part("bin/node").to_string_lossy());
        let browser = quoted(&part("provider/browser.mjs").to_string_lossy());
        script += &format!("exec {node} {browser} \"$@\"\n");

        write_program(&self.launcher, script);
    }
}

/// `text` as one word of a POSIX shell.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
