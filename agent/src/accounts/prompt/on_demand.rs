//! Asks a person to log in when ssh needs an account that only a login makes usable: once, however
//! many ssh wait, and not again for a while when the answer was no.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opkssh_protocol::audit::PersonAnswer;
use opkssh_protocol::config::OnDemand;
use opkssh_protocol::control::{AccountState, Asking, Event, Flow, Joining};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::accounts::audited::{login_answered, login_asked};
use crate::accounts::clock::Clock;
use crate::accounts::log_in::Logins;
use crate::accounts::owner::{Owner, Published};
use crate::audit::Audit;
use crate::desktop::notification::{self, NotShown};
use crate::desktop::open_browser;
use crate::desktop::surroundings::Surroundings;
use crate::notices::{Cause, Notices};

/// How long nobody is asked again after a question or a window, whatever the answer.
const COOLDOWN: Duration = Duration::from_secs(15 * 60);
/// The same after nobody could be asked: perhaps the desktop is just starting.
const NO_DESKTOP: Duration = Duration::from_secs(60);
/// How long a question waits for the person.
const ASK_FOR: Duration = Duration::from_secs(10 * 60);

/// Asks a person to log in.
pub struct OnDemandLogin {
    pub owner: Owner,
    pub logins: Arc<Logins>,
    pub surroundings: Arc<Surroundings>,
    pub notices: Arc<Notices>,
    pub audit: Arc<Audit>,
    pub clock: Clock,
    pub questions: Questions,
}

/// The questions, by account.
#[derive(Default)]
pub struct Questions(Mutex<HashMap<String, Question>>);

#[derive(Default)]
struct Question {
    /// Open until its sender is dropped; everybody who needs the account waits for that.
    open: Option<watch::Receiver<()>>,
    /// The person has logged in by a command while it was open.
    is_there: bool,
    quiet_until: Option<Instant>,
}

impl Question {
    fn is_open(&self) -> bool {
        self.open
            .as_ref()
            .is_some_and(|over| over.has_changed().is_ok())
    }

    fn is_quiet(&self, now: Instant) -> bool {
        self.quiet_until.is_some_and(|end| now < end)
    }
}

impl Questions {
    /// Begins or joins the question for an account. Returns a receiver that ends with the question
    /// and, to the caller who begins it, the sender to drop at its end. `None`: too early to ask
    /// again.
    fn begin(
        &self,
        account: &str,
        now: Instant,
    ) -> Option<(watch::Receiver<()>, Option<watch::Sender<()>>)> {
        let mut questions = self.0.lock();
        let question = questions.entry(account.to_owned()).or_default();
        if question.is_quiet(now) {
            return None;
        }
        if let Some(over) = question.open.as_ref().filter(|_| question.is_open()) {
            return Some((over.clone(), None));
        }
        let (asking, over) = watch::channel(());
        *question = Question {
            open: Some(over.clone()),
            ..Question::default()
        };
        Some((over, Some(asking)))
    }

    fn end(&self, account: &str, quiet_until: Option<Instant>) {
        if let Some(question) = self.0.lock().get_mut(account) {
            question.quiet_until = quiet_until.filter(|_| !question.is_there);
            question.open = None;
        }
    }

    /// Lets the account be asked for again: its person has logged in by a command.
    pub fn forget_answer(&self, account: &str) {
        if let Some(question) = self.0.lock().get_mut(account) {
            (question.is_there, question.quiet_until) = (true, None);
        }
    }

    /// Returns true if a question is open, or must not be asked again at `now`.
    pub fn matter(&self, now: Instant) -> bool {
        let questions = self.0.lock();
        let mut questions = questions.values();
        questions.any(|question| question.is_open() || question.is_quiet(now))
    }
}

impl OnDemandLogin {
    /// Asks a person to log in, as `on_demand` says, unless one of these accounts is usable. They
    /// are meant for the server that ssh is about to log in to. Returns when that is over; the
    /// question stays if the caller waits no longer.
    pub async fn ask_person(self: &Arc<Self>, accounts: &[String]) {
        let Some((name, how)) = self.whom_to_ask(accounts) else {
            return;
        };
        let Some((mut over, asking)) = self.questions.begin(&name, Instant::now()) else {
            return;
        };
        if let Some(asking) = asking {
            let this = self.clone();
            tokio::spawn(async move {
                let _asking = asking;
                let begin = Instant::now();
                let quiet = this.ask(&name, how).await;
                // also after a login, or ssh could open windows without end
                let since = match this.owner.now().is_usable(&name, this.clock.now()) {
                    true => begin,
                    false => Instant::now(),
                };
                this.questions.end(&name, quiet.map(|quiet| since + quiet));
            });
        }
        // an error is the end
        while over.changed().await.is_ok() {}
    }

    /// Returns the account to ask for, unless one of these is usable.
    fn whom_to_ask(&self, names: &[String]) -> Option<(String, OnDemand)> {
        let (published, now) = (self.owner.now(), self.clock.now());
        if names.iter().any(|name| published.is_usable(name, now)) {
            return None;
        }
        names.iter().find_map(|name| {
            let account = published.account(name)?;
            let item = published.shown(account, now).ok()?;
            let settings = &published.facts.agent.settings;
            let how = settings.on_demand(name, item.credentials.provider());
            // only a person helps
            let needs_person = published.state(account, item, now) == AccountState::LoginNeeded;
            (needs_person && how != OnDemand::Off).then(|| (name.clone(), how))
        })
    }

    /// Asks as `how` says. Returns how long not to ask again; `None` if the login was made
    /// elsewhere, or the account is no more.
    async fn ask(&self, name: &str, how: OnDemand) -> Option<Duration> {
        if how == OnDemand::Browser {
            // nobody has said yes: perhaps nobody has to
            self.log_in(name, true).await;
            return Some(COOLDOWN);
        }
        let summary = format!("ssh needs your login \"{name}\"");
        let is_over = |published: &Published| {
            let account = published.account(name);
            account.is_none_or(|account| account.item().is_none())
                || published.is_usable(name, self.clock.now())
        };
        match self.offer_login(name, &summary, ASK_FOR, is_over).await {
            Ok(true) => Some(COOLDOWN),
            Ok(false) => None,
            Err(error) => {
                self.notices.tell(
                    Cause::LoginNeeded(name.to_owned()),
                    format!("{name} needs a login: opkssh login {name} ({error})"),
                );
                Some(NO_DESKTOP)
            }
        }
    }

    /// Shows a notification with a button to log in, for at most `timeout`, and logs in if the
    /// button is pressed. Returns false if `is_over` became true instead.
    pub(super) async fn offer_login(
        &self,
        name: &str,
        summary: &str,
        timeout: Duration,
        is_over: impl Fn(&Published) -> bool,
    ) -> Result<bool, NotShown> {
        let body = format!("Or on a terminal: opkssh login {name}");
        login_asked(&self.audit, name);
        let buttons = [(notification::CLICK, "Log in"), ("login", "Log in")];
        let bus = self.surroundings.bus();
        let shown = notification::show(bus, summary, &body, &buttons).await;
        let not_shown = |error: &NotShown| login_answered(&self.audit, name, Err(error));
        let mut shown = shown.inspect_err(not_shown)?;
        let over = |published: &Published| is_over(published).then_some(());
        let (is_clicked, is_over) = tokio::select! {
            button = shown.wait_for_button() => (button.is_some(), false),
            over = self.owner.wait_for(timeout, over) => (false, over.is_some()),
        };
        shown.close().await;
        let answer = match (is_clicked, is_over) {
            (true, _) => PersonAnswer::Yes,
            (false, true) => PersonAnswer::Withdrawn,
            (false, false) => PersonAnswer::No,
        };
        login_answered(&self.audit, name, Ok(answer));
        if is_clicked {
            self.log_in(name, false).await;
        }
        Ok(!is_over)
    }

    /// A login that no command waits for: the browser is opened from here. `status` says how it
    /// failed. `unasked`: the person has not asked for it, so it is tried silently first, and opens
    /// no second window.
    async fn log_in(&self, name: &str, unasked: bool) {
        let (events, mut news) = mpsc::channel(16);
        let asking = Asking {
            silent_first: unasked,
            ..Asking::default()
        };
        let joining = Joining {
            opens_browser: self.surroundings.session().has_desktop(),
            ..Joining::default()
        };
        let login = self
            .logins
            .log_in_again(name, Flow::Browser, asking, joining, &events);
        tokio::pin!(login);
        let failed = loop {
            tokio::select! {
                biased;
                Some(event) = news.recv() => {
                    if let Event::OpenBrowser { url, opened } = event
                        && !(opened && unasked)
                        && !open_browser::open(url, &self.surroundings).await
                    {
                        break "no browser could be started".to_owned();
                    }
                }
                joined = &mut login => match joined {
                    Ok(_) => return,
                    Err(error) => break error.to_string(),
                }
            }
        };
        self.notices.tell(
            Cause::LoginFailed(name.to_owned()),
            format!("the login for {name} failed: {failed}; log in: opkssh login {name}"),
        );
    }
}

#[cfg(test)]
mod tests;
