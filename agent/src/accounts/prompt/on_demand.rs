//! Asks a person to log in when ssh needs an account that only a login makes usable: once, however
//! many ssh wait, and not again for a while when the answer was no.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use opkssh_protocol::config::OnDemand;
use opkssh_protocol::control::{AccountState, Asking, Event, Flow, Joining};
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::accounts::clock::Clock;
use crate::accounts::log_in::Logins;
use crate::accounts::owner::{Owner, Published};
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
    owner: Owner,
    logins: Arc<Logins>,
    surroundings: Arc<Surroundings>,
    notices: Arc<Notices>,
    clock: Clock,
    questions: Questions,
}

/// The questions that are open, and those that must not be asked again yet, by account.
#[derive(Default)]
struct Questions(Mutex<HashMap<String, Question>>);

enum Question {
    /// Everybody who needs the account waits until this ends.
    Open {
        over: watch::Receiver<()>,
        /// The person has logged in by a command meanwhile.
        is_there: bool,
    },
    QuietUntil(Instant),
}

/// What a request for a login came to.
enum Begin {
    Wait(watch::Receiver<()>),
    /// This one asks.
    Ask(watch::Sender<()>, watch::Receiver<()>),
    Quiet,
}

impl Questions {
    fn begin(&self, account: &str, now: Instant) -> Begin {
        let mut questions = self.0.lock();
        match questions.get(account) {
            // one whose sender is gone ended without an answer
            Some(Question::Open { over, .. }) if over.has_changed().is_ok() => {
                return Begin::Wait(over.clone());
            }
            Some(Question::QuietUntil(end)) if now < *end => return Begin::Quiet,
            _ => {}
        }
        let (ask, over) = watch::channel(());
        let open = Question::Open {
            over: over.clone(),
            is_there: false,
        };
        questions.insert(account.to_owned(), open);
        Begin::Ask(ask, over)
    }

    fn end(&self, account: &str, quiet_until: Option<Instant>) {
        let mut questions = self.0.lock();
        let is_there = matches!(
            questions.get(account),
            Some(Question::Open { is_there: true, .. })
        );
        match quiet_until.filter(|_| !is_there) {
            Some(end) => questions.insert(account.to_owned(), Question::QuietUntil(end)),
            None => questions.remove(account),
        };
    }

    /// Lets the account be asked for again: the person is there after all.
    fn forget_answer(&self, account: &str) {
        let mut questions = self.0.lock();
        match questions.get_mut(account) {
            Some(Question::Open { is_there, .. }) => *is_there = true,
            Some(Question::QuietUntil(_)) => {
                questions.remove(account);
            }
            None => {}
        }
    }

    /// Returns true if a question is open, or must not be asked again at `now`.
    fn matter(&self, now: Instant) -> bool {
        self.0.lock().values().any(|question| match question {
            Question::Open { over, .. } => over.has_changed().is_ok(),
            Question::QuietUntil(end) => now < *end,
        })
    }
}

impl OnDemandLogin {
    pub fn new(
        owner: Owner,
        logins: Arc<Logins>,
        surroundings: Arc<Surroundings>,
        notices: Arc<Notices>,
        clock: Clock,
    ) -> Self {
        Self {
            owner,
            logins,
            surroundings,
            notices,
            clock,
            questions: Questions::default(),
        }
    }

    /// Asks a person to log in, as `on_demand` says, unless one of these accounts is usable. They
    /// are meant for the server that ssh is about to log in to. Returns when that is over; the
    /// question stays if the caller waits no longer.
    pub async fn ask_person(self: &Arc<Self>, accounts: &[String]) {
        let Some((name, how)) = self.whom_to_ask(accounts) else {
            return;
        };
        let mut over = match self.questions.begin(&name, Instant::now()) {
            Begin::Quiet => return,
            Begin::Wait(over) => over,
            Begin::Ask(asking, over) => {
                let this = self.clone();
                tokio::spawn(async move {
                    let _asking = asking;
                    let begin = Instant::now();
                    let quiet = this.ask(&name, how).await;
                    // also after a login, or ssh could open windows without end
                    let since = match this.is_usable(&name) {
                        true => begin,
                        false => Instant::now(),
                    };
                    this.questions.end(&name, quiet.map(|quiet| since + quiet));
                });
                over
            }
        };
        // an error is the end
        while over.changed().await.is_ok() {}
    }

    /// Notes that a command has logged in: its person can be asked again when that login ends.
    pub fn note_person(&self, account: &str) {
        self.questions.forget_answer(account);
    }

    /// Returns true if somebody is being asked, or must not be asked for a while.
    pub fn matters(&self) -> bool {
        self.questions.matter(Instant::now())
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
        let mut shown = notification::show(self.surroundings.bus(), summary, &body).await?;
        let over = |published: &Published| is_over(published).then_some(());
        let (is_clicked, is_over) = tokio::select! {
            is_clicked = shown.wait_for_click() => (is_clicked, false),
            over = self.owner.wait_for(timeout, over) => (false, over.is_some()),
        };
        shown.close().await;
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
            unless_usable: None,
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

    fn is_usable(&self, name: &str) -> bool {
        self.owner.now().is_usable(name, self.clock.now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_question_at_a_time_and_quiet_after_the_answer() {
        let questions = Questions::default();
        let start = Instant::now();
        let Begin::Ask(asking, _) = questions.begin("a", start) else {
            panic!("nobody asks");
        };
        for _ in 0..100 {
            assert!(matches!(questions.begin("a", start), Begin::Wait(_)));
        }
        assert!(matches!(questions.begin("b", start), Begin::Ask(..)));
        questions.end("a", Some(start + COOLDOWN));
        drop(asking);
        let almost = start + COOLDOWN - Duration::from_secs(1);
        assert!(matches!(questions.begin("a", almost), Begin::Quiet));
        let later = questions.begin("a", start + COOLDOWN);
        assert!(matches!(later, Begin::Ask(..)));
        // an open question is not forgotten, an answer is
        questions.forget_answer("a");
        assert!(matches!(questions.begin("a", start), Begin::Wait(_)));
        // who logs in by a command meanwhile is there
        questions.end("a", Some(start + COOLDOWN));
        let Begin::Ask(asking, _) = questions.begin("a", start) else {
            panic!("not forgotten");
        };
        questions.end("a", Some(start + COOLDOWN));
        drop(asking);
        assert!(questions.matter(almost));
        questions.forget_answer("a");
        assert!(matches!(questions.begin("a", start), Begin::Ask(..)));
    }
}
