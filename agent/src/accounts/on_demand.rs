//! Asking a person to log in when ssh needs an account that nobody else can make usable: once,
//! however many ssh wait, and not again for a while when the answer was no.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use opkssh_protocol::config::OnDemand;
use opkssh_protocol::control::{AccountState, Asking, Event, Flow, Joining};
use tokio::sync::{mpsc, watch};

use super::{Account, Accounts};
use crate::notification::{self, Answer};
use crate::open_browser;

/// After a person has dismissed the question, or left it, or the login that came of it failed.
const COOLDOWN: Duration = Duration::from_secs(15 * 60);
/// After nobody could be asked: perhaps the desktop is just starting.
const NO_DESKTOP: Duration = Duration::from_secs(60);
/// How long a question waits for the person.
const ASK_FOR: Duration = Duration::from_secs(10 * 60);

/// Who is being asked, and who was lately, by account.
#[derive(Default)]
pub(super) struct Questions(Mutex<HashMap<String, Question>>);

enum Question {
    /// Everybody who needs the account waits until this ends.
    Open(watch::Receiver<()>),
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
        let mut questions = self.lock();
        match questions.get(account) {
            // one whose sender is gone ended without an answer
            Some(Question::Open(over)) if over.has_changed().is_ok() => {
                return Begin::Wait(over.clone());
            }
            Some(Question::QuietUntil(end)) if now < *end => return Begin::Quiet,
            _ => {}
        }
        let (ask, over) = watch::channel(());
        questions.insert(account.to_owned(), Question::Open(over.clone()));
        Begin::Ask(ask, over)
    }

    fn end(&self, account: &str, quiet_until: Option<Instant>) {
        let mut questions = self.lock();
        match quiet_until {
            Some(end) => questions.insert(account.to_owned(), Question::QuietUntil(end)),
            None => questions.remove(account),
        };
    }

    /// The person is there after all.
    pub(super) fn forget_answer(&self, account: &str) {
        let mut questions = self.lock();
        if let Some(Question::QuietUntil(_)) = questions.get(account) {
            questions.remove(account);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Question>> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Accounts {
    /// ssh is about to log in to a server that these accounts are meant for. Unless one of them is
    /// usable, asks a person as `on_demand` says, and returns when that is over. Whoever calls it
    /// limits the wait; the question stays.
    pub async fn ask_person(self: &Arc<Self>, accounts: &[String]) {
        let Some((alias, how)) = self.whom_to_ask(accounts) else {
            return;
        };
        let mut over = match self.questions.begin(&alias, Instant::now()) {
            Begin::Quiet => return,
            Begin::Wait(over) => over,
            Begin::Ask(asking, over) => {
                let this = self.clone();
                tokio::spawn(async move {
                    let _asking = asking;
                    let quiet = this.ask(&alias, how).await;
                    let quiet = quiet.filter(|_| !this.is_usable_now(&alias));
                    this.questions
                        .end(&alias, quiet.map(|quiet| Instant::now() + quiet));
                });
                over
            }
        };
        // an error is the end
        while over.changed().await.is_ok() {}
    }

    /// The account to ask for, unless one of these is usable. (No account is kept while a person
    /// is waited for: a lock may come meanwhile.)
    fn whom_to_ask(&self, accounts: &[String]) -> Option<(String, OnDemand)> {
        let accounts: Vec<_> = {
            let all = self.lock();
            let found = accounts.iter().filter_map(|alias| all.get(alias));
            found.cloned().collect()
        };
        if accounts.iter().any(|account| self.is_usable(account)) {
            return None;
        }
        accounts.iter().find_map(|account| {
            let how = self.how_to_ask(account)?;
            Some((account.alias.clone(), how))
        })
    }

    /// How a person may be asked for this account, if only a person helps.
    fn how_to_ask(&self, account: &Account) -> Option<OnDemand> {
        let state = account.state();
        let how = self.settings.of(&state.record).on_demand;
        let needs_person = self.plan(&state).state(self.clock.now()) == AccountState::LoginNeeded;
        (needs_person && how != OnDemand::Off).then_some(how)
    }

    /// For how long not to ask again; `None`: the account is usable, or gone.
    async fn ask(self: &Arc<Self>, alias: &str, how: OnDemand) -> Option<Duration> {
        if how == OnDemand::Browser {
            // nobody has said yes: perhaps nobody has to
            let asking = Asking {
                silent_first: true,
                ..Asking::default()
            };
            return self.log_in_for(alias, asking).await;
        }
        let summary = format!("ssh needs your login \"{alias}\"");
        let body = format!("Or on a terminal: opkssh login {alias}");
        let bus = self.surroundings.bus();
        let mut shown = match notification::show(bus, &summary, &body).await {
            Ok(shown) => shown,
            Err(error) => {
                self.held.notice(format!(
                    "{alias} needs a login: opkssh login {alias} ({error})"
                ));
                return Some(NO_DESKTOP);
            }
        };
        let answer = tokio::select! {
            answer = tokio::time::timeout(ASK_FOR, shown.answer()) => answer.unwrap_or(Answer::None),
            () = self.until_usable(alias) => {
                shown.close().await;
                return None;
            }
        };
        shown.close().await;
        match answer {
            Answer::LogIn => self.log_in_for(alias, Asking::default()).await,
            Answer::Dismissed | Answer::None => Some(COOLDOWN),
        }
    }

    /// A login that no command waits for: the browser is opened from here. As [`Accounts::ask`].
    pub(super) async fn log_in_for(
        self: &Arc<Self>,
        alias: &str,
        asking: Asking,
    ) -> Option<Duration> {
        let (events, mut news) = mpsc::channel(16);
        let login = self.log_in_again(alias, Flow::Browser, asking, Joining::default(), &events);
        tokio::pin!(login);
        let failed = loop {
            tokio::select! {
                biased;
                Some(event) = news.recv() => {
                    if let Event::OpenBrowser { url, opened: false } = event
                        && !open_browser::open(url, &self.surroundings).await
                    {
                        break "no browser could be started".to_owned();
                    }
                }
                joined = &mut login => match joined {
                    Ok(_) => return None,
                    Err(error) => break error.to_string(),
                }
            }
        };
        self.held.notice(format!(
            "the login for {alias} failed: {failed}; log in: opkssh login {alias}"
        ));
        Some(COOLDOWN)
    }

    /// Ends when the account can be used, or is no more.
    pub(super) async fn until_usable(&self, alias: &str) {
        let mut changed = self.changed.subscribe();
        while self.lock().contains_key(alias) && !self.is_usable_now(alias) {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    fn is_usable_now(&self, alias: &str) -> bool {
        let account = self.lock().get(alias).cloned();
        account.is_some_and(|account| self.is_usable(&account))
    }

    fn is_usable(&self, account: &Account) -> bool {
        self.plan(&account.state()).is_usable(self.clock.now())
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
        questions.end("a", Some(start + COOLDOWN));
        questions.forget_answer("a");
        assert!(matches!(questions.begin("a", start), Begin::Ask(..)));
    }
}
