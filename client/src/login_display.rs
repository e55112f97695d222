//! What a person sees while a login is under way.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use opkssh_protocol::control::{AccountStatus, Event};
use opkssh_protocol::printable::printable;

use crate::browser;
use crate::configuration::Environment;
use crate::pasted::can_be_typed;
use crate::qr::for_terminal;
use crate::shown::local_time;
use crate::status::ACCESS_TOKEN_LEFT_OUT;

/// How the person brings the address that a browser on another machine ended at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bringing {
    /// This process reads it from its terminal.
    TypedHere,
    /// Nothing reads here, or what comes next is for somebody else: another command takes it.
    ByAnotherCommand,
}

/// Shows a login's events: the URL is always written out; the browser is opened unless the
/// person does that; on a terminal a spinner on stderr says what is waited for.
pub struct LoginDisplay<'a> {
    out: &'a mut dyn Write,
    environment: &'a Environment,
    open_browser: bool,
    bringing: Bringing,
    /// An address may be typed here, so no spinner writes over it.
    pasting: bool,
    spinner: Option<ProgressBar>,
}

impl<'a> LoginDisplay<'a> {
    pub fn new(
        out: &'a mut dyn Write,
        environment: &'a Environment,
        open_browser: bool,
        bringing: Bringing,
    ) -> Self {
        Self {
            out,
            environment,
            open_browser,
            bringing,
            pasting: false,
            spinner: None,
        }
    }

    /// Events other than a login's are no matter of this display.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::OpenBrowser { url, opened: true } => self.line(&format!(
                "This login is under way already, in the browser at {}",
                printable(url).uncut()
            )),
            Event::OpenBrowser { url, opened: false } => self.open_browser(url),
            Event::DeviceCode {
                user_code,
                verification_uri,
                verification_uri_complete,
                expires_in,
            } => self.device_code(
                user_code,
                verification_uri,
                verification_uri_complete.as_deref(),
                *expires_in,
            ),
            Event::Waiting { what } => self.wait(what),
            _ => self.clear(),
        }
    }

    /// A line of text among the events.
    pub fn line(&mut self, text: &str) {
        let mut write = || {
            let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        };
        match &self.spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }

    /// Who logged in, until when, and what happens then.
    pub fn logged_in(&mut self, account: &AccountStatus) {
        let email = account.email.as_deref();
        self.identity(
            email,
            [&account.subject, &account.issuer, &account.client_id],
        );
        let until = match account.usable_until {
            Some(time) => {
                format!(
                    "usable until {} ({})",
                    local_time(time),
                    printable(&account.expiration)
                )
            }
            None => "usable without end".into(),
        };
        self.line(&format!(
            "In the agent as \"{}\", {until}; {}.",
            printable(&account.alias),
            printable(&account.renewal_words)
        ));
        if account.withholds_access_token {
            self.line(&format!("Access token: {ACCESS_TOKEN_LEFT_OUT}."));
        }
        if let Some(error) = &account.store_error {
            self.line(&format!("Not stored: {}", printable(error)));
        } else if account.store == "memory" {
            self.line("Kept in memory only, until the agent ends; `opkssh status` says why.");
        }
    }

    /// Who logged in, in the lines of Go's client: address, then subject, issuer and audience.
    pub fn identity(&mut self, email: Option<&str>, rest: [&str; 3]) {
        self.clear();
        self.line("Keys generated for identity");
        let rest = rest.map(|text| printable(text).to_string()).join(" ");
        match email {
            Some(email) => {
                self.line("Email, sub, issuer, audience: ");
                self.line(&format!("{} {rest}", printable(email)));
            }
            None => {
                self.line("WARNING: the ID token has no email claim. For servers to know you by");
                self.line("your address, add the scope `email` to this provider and log in again.");
                self.line("Sub, issuer, audience:");
                self.line(&rest);
            }
        }
    }

    fn open_browser(&mut self, url: &str) {
        let url = printable(url).uncut().to_string();
        if !self.open_browser {
            self.line(&format!("Open your browser to: {url}"));
            self.ask_for_the_answer(&url);
            return;
        }
        self.line(&format!("Opening browser to {url}"));
        let opened = browser::open(&url, self.environment.browser.as_deref());
        if !opened {
            self.line("No browser could be started: open this address yourself.");
        }
        if !opened || self.environment.remote {
            self.ask_for_the_answer(&url);
        }
    }

    /// A browser on another machine cannot come back to this one: the person brings its answer.
    fn ask_for_the_answer(&mut self, url: &str) {
        if !url.contains("state=") {
            // our own page to choose a provider on, which no other machine can see
            self.line("In a browser on another machine? Name the provider: opkssh login ALIAS");
        } else if self.bringing == Bringing::ByAnotherCommand {
            self.line(
                "In a browser on another machine? It ends at a page that it cannot open: copy the \
                 address of that page, and in another terminal: opkssh login --redirected",
            );
        } else if can_be_typed() {
            self.clear();
            self.pasting = true;
            self.line(
                "In a browser on another machine? It ends at a page that it cannot open: copy the \
                 address of that page and paste it here.",
            );
        }
    }

    /// The code as RFC 8628 section 3.3 asks; where the address with the code in it is known, for
    /// a camera, too.
    fn device_code(&mut self, code: &str, uri: &str, complete: Option<&str>, expires_in: u64) {
        self.clear();
        self.line(&format!(
            "On any device with a browser, open {}",
            printable(uri).uncut()
        ));
        self.line(&format!("and enter the code: {}", printable(code)));
        if let Some(complete) = complete.filter(|complete| *complete != uri) {
            let complete = printable(complete).uncut().to_string();
            self.line(&format!("Or open this, with the code in it: {complete}"));
            let mut err = std::io::stderr();
            if err.is_terminal()
                && let Some(picture) = for_terminal(&complete)
            {
                let _ = writeln!(err, "{picture}");
            }
        }
        self.line(&format!(
            "The code is good for {} minutes.",
            expires_in.div_ceil(60)
        ));
    }

    fn wait(&mut self, what: &str) {
        if self.pasting || !std::io::stderr().is_terminal() {
            return;
        }
        let spinner = self.spinner.get_or_insert_with(|| {
            let spinner = ProgressBar::new_spinner();
            spinner.set_style(ProgressStyle::default_spinner());
            spinner.enable_steady_tick(Duration::from_millis(120));
            spinner
        });
        spinner.set_message(format!("{} (Ctrl-C cancels)", printable(what)));
    }

    pub(crate) fn clear(&mut self) {
        if let Some(spinner) = self.spinner.take() {
            spinner.finish_and_clear();
        }
    }
}

impl Drop for LoginDisplay<'_> {
    /// The spinner's line must not stay behind an error message.
    fn drop(&mut self) {
        self.clear();
    }
}
