//! Shows the progress of a login.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use opkssh_protocol::control::{AccountStatus, Event};
use opkssh_protocol::printable::printable;

use crate::configuration::Environment;
use crate::format::local_time;
use crate::login::browser;
use crate::login::qr::for_terminal;
use crate::login::redirect::stdin_is_terminal;
use crate::status::{ACCESS_TOKEN_LEFT_OUT, usable_until_logout};

/// How the user passes on the address at which a browser on another machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectInput {
    /// Typed into this process's terminal.
    Terminal,
    /// Passed to `opkssh login --redirected`, since stdin is not a terminal or belongs to ssh.
    OtherCommand,
}

/// Shows a login's events: always prints the URL, opens the browser unless disabled, and shows a
/// spinner on stderr if that is a terminal.
pub struct LoginDisplay<'a> {
    out: &'a mut dyn Write,
    environment: &'a Environment,
    open_browser: bool,
    redirect_input: RedirectInput,
    /// True while an address may be typed, which a spinner would overwrite.
    pasting: bool,
    spinner: Option<ProgressBar>,
}

impl<'a> LoginDisplay<'a> {
    pub fn new(
        out: &'a mut dyn Write,
        environment: &'a Environment,
        open_browser: bool,
        redirect_input: RedirectInput,
    ) -> Self {
        Self {
            out,
            environment,
            open_browser,
            redirect_input,
            pasting: false,
            spinner: None,
        }
    }

    /// Shows an event of a login.
    pub fn show(&mut self, event: &Event) {
        match event {
            Event::OpenBrowser { url, opened: true } => {
                let url = printable(url).uncut();
                self.line(&format!(
                    "This login is under way already, in the browser at {url}"
                ));
            }
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

    /// Writes a line.
    pub fn line(&mut self, text: &str) {
        let mut write = || {
            let _ = writeln!(self.out, "{text}").and_then(|()| self.out.flush());
        };
        match &self.spinner {
            Some(spinner) => spinner.suspend(write),
            None => write(),
        }
    }

    /// Shows who logged in, until when, and how the login renews.
    pub fn logged_in(&mut self, account: &AccountStatus) {
        let rest = [&account.subject, &account.issuer, &account.client_id];
        self.identity(account.email.as_deref(), rest.map(String::as_str));
        let (alias, plan) = (printable(&account.alias), printable(&account.expiration));
        let until = match account.usable_until.map(local_time) {
            Some(time) => format!("usable until {time} ({plan})"),
            None => "usable without end".into(),
        };
        let logout = match account.logs_out_at.map(local_time) {
            Some(time) => format!(" until the logout at {time}, by the agent's --lifetime"),
            None => String::new(),
        };
        let until = usable_until_logout(account).unwrap_or_else(|| {
            let renewal = printable(&account.renewal_words);
            format!("{until}; {renewal}{logout}")
        });
        self.line(&format!("In the agent as \"{alias}\", {until}."));
        if account.withholds_access_token {
            self.line(&format!("Access token: {ACCESS_TOKEN_LEFT_OUT}."));
        }
        if let Some(error) = &account.store_error {
            self.line(&format!("Not stored: {}", printable(error)));
        } else if account.store == "memory" {
            self.line("Kept in memory only, until the agent stops; see why: opkssh status -v");
        }
    }

    /// Shows who logged in, in the format of Go's client: email, then subject, issuer and audience.
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
                self.line(
                    "WARNING: the ID token has no email claim. For rules that name your email\n\
                     address, add the scope `email` to this provider and log in again.\n\
                     Sub, issuer, audience:",
                );
                self.line(&rest);
            }
        }
    }

    fn open_browser(&mut self, url: &str) {
        let url = printable(url).uncut().to_string();
        if !self.open_browser {
            self.line(&format!("Open your browser to: {url}"));
            self.ask_for_redirect(&url);
            return;
        }
        self.line(&format!("Opening browser to {url}"));
        let advice = self.redirect_advice(&url).unwrap_or_default();
        let failed = move || {
            let mut err = std::io::stderr();
            // over a spinner
            let start = if err.is_terminal() { "\r\x1b[K" } else { "" };
            let what = "The browser command failed: open this address yourself.";
            let _ = writeln!(err, "{start}{what} {advice}");
        };
        let started = browser::open(&url, self.environment.browser.as_deref(), failed);
        if !started {
            self.line("No browser could be started: open this address yourself.");
        }
        if !started || self.environment.remote {
            self.ask_for_redirect(&url);
        }
    }

    /// Asks for the address at which a browser ended that cannot redirect to this machine.
    fn ask_for_redirect(&mut self, url: &str) {
        let Some(advice) = self.redirect_advice(url) else {
            return;
        };
        if self.redirect_input == RedirectInput::Terminal && url.contains("state=") {
            self.clear();
            self.pasting = true;
        }
        self.line(advice);
    }

    /// Returns what to do if the browser is on another machine.
    fn redirect_advice(&self, url: &str) -> Option<&'static str> {
        match self.redirect_input {
            // the local page to choose a provider on
            _ if !url.contains("state=") => {
                Some("For a browser on another machine, name the provider: opkssh login ALIAS")
            }
            RedirectInput::OtherCommand => Some(
                "A browser on another machine ends at a page that it cannot open: copy the address of \
                 that page, then run in another terminal: opkssh login --redirected",
            ),
            RedirectInput::Terminal => stdin_is_terminal().then_some(
                "A browser on another machine ends at a page that it cannot open: copy the address of \
                 that page and paste it here.",
            ),
        }
    }

    /// Shows the code (RFC 8628 section 3.3), below a QR code of the address that contains it, if that
    /// is known and the picture leaves room for the rest.
    fn device_code(&mut self, code: &str, uri: &str, complete: Option<&str>, expires_in: u64) {
        self.clear();
        let complete = complete.filter(|complete| *complete != uri);
        let complete = complete.map(|complete| printable(complete).uncut().to_string());
        let mut err = std::io::stderr();
        if let Some(complete) = &complete
            && err.is_terminal()
            && let Ok(window) = rustix::termios::tcgetwinsize(&err)
            && let Some(picture) = for_terminal(complete, window.ws_col, window.ws_row)
        {
            let _ = writeln!(err, "{picture}");
        }
        let shown = printable(uri).uncut();
        self.line(&format!("On any device with a browser, open {shown}"));
        self.line(&format!("and enter the code: {}", printable(code)));
        if let Some(complete) = complete {
            self.line(&format!("Or open this, with the code in it: {complete}"));
        }
        let minutes = expires_in.div_ceil(60);
        self.line(&format!("The code is valid for {minutes} minutes."));
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
    /// Removes the spinner, whose line would precede an error message.
    fn drop(&mut self) {
        self.clear();
    }
}
