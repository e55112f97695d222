//! Asking a person to log in when ssh needs an account that nobody else can make usable: once,
//! however many ssh wait, and not again for a while when the answer was no.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use opkssh_protocol::config::OnDemand;
use opkssh_protocol::control::{AccountState, Asking, Event, Flow, Joining};
use tokio::sync::{mpsc, watch};

use crate::accounts::{Account, Accounts};
use crate::desktop::notification::{self, Answer, NotShown, Shown};
use crate::desktop::open_browser;
use crate::notices::Cause;

/// After a question or a window, whatever came of it.
const COOLDOWN: Duration = Duration::from_secs(15 * 60);
/// After nobody could be asked: perhaps the desktop is just starting.
const NO_DESKTOP: Duration = Duration::from_secs(60);
/// How long a question waits for the person.
const ASK_FOR: Duration = Duration::from_secs(10 * 60);

/// Who is being asked, and who was lately, by account.
#[derive(Default)]
pub(in crate::accounts) struct Questions(Mutex<HashMap<String, Question>>);

enum Question {
    /// Everybody who needs the account waits until this ends.
    Open {
        over: watch::Receiver<()>,
        /// The person has logged in by a command meanwhile.
        is_there: bool,
    },
    QuietUntil(Instant),
}

/// How asking a person ended.
enum Ended {
    /// Nobody could be asked.
    NotAsked,
    /// The login was made elsewhere, or the account is no more.
    Elsewhere,
    /// They answered, or not, or a window was opened for them.
    Asked,
}

/// Is a browser opened for a login that somebody else has opened one for?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::accounts) enum Window {
    UnlessOpen,
    /// The person has just asked for it, here.
    Always,
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

    pub(in crate::accounts) fn end(&self, account: &str, quiet_until: Option<Instant>) {
        let mut questions = self.lock();
        let is_there = matches!(
            questions.get(account),
            Some(Question::Open { is_there: true, .. })
        );
        match quiet_until.filter(|_| !is_there) {
            Some(end) => questions.insert(account.to_owned(), Question::QuietUntil(end)),
            None => questions.remove(account),
        };
    }

    /// The person is there after all.
    pub(in crate::accounts) fn forget_answer(&self, account: &str) {
        let mut questions = self.lock();
        match questions.get_mut(account) {
            Some(Question::Open { is_there, .. }) => *is_there = true,
            Some(Question::QuietUntil(_)) => {
                questions.remove(account);
            }
            None => {}
        }
    }

    /// Is somebody being asked, or not to be asked at `now`?
    pub(in crate::accounts) fn matter(&self, now: Instant) -> bool {
        self.lock().values().any(|question| match question {
            Question::Open { over, .. } => over.has_changed().is_ok(),
            Question::QuietUntil(end) => now < *end,
        })
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
                    let begin = Instant::now();
                    let quiet_until = match this.ask(&alias, how).await {
                        Ended::NotAsked => Some(Instant::now() + NO_DESKTOP),
                        Ended::Elsewhere => None,
                        // else whoever has asked once could open windows without end
                        Ended::Asked if this.is_usable_now(&alias) => Some(begin + COOLDOWN),
                        Ended::Asked => Some(Instant::now() + COOLDOWN),
                    };
                    this.questions.end(&alias, quiet_until);
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
        let needs_person = self.account_state(&state) == AccountState::LoginNeeded;
        (needs_person && how != OnDemand::Off).then_some(how)
    }

    /// A notification with a button to log in to this account.
    pub(in crate::accounts) async fn offer_login(
        &self,
        alias: &str,
        summary: &str,
    ) -> Result<Shown, NotShown> {
        let body = format!("Or on a terminal: opkssh login {alias}");
        notification::show(self.surroundings.bus(), summary, &body).await
    }

    async fn ask(self: &Arc<Self>, alias: &str, how: OnDemand) -> Ended {
        if how == OnDemand::Browser {
            // nobody has said yes: perhaps nobody has to
            let asking = Asking {
                silent_first: true,
                ..Asking::default()
            };
            self.log_in_for(alias, asking, Window::UnlessOpen).await;
            return Ended::Asked;
        }
        let summary = format!("ssh needs your login \"{alias}\"");
        let mut shown = match self.offer_login(alias, &summary).await {
            Ok(shown) => shown,
            Err(error) => {
                self.held.notices.tell(
                    Cause::LoginNeeded(alias.to_owned()),
                    format!("{alias} needs a login: opkssh login {alias} ({error})"),
                );
                return Ended::NotAsked;
            }
        };
        let answer = tokio::select! {
            answer = tokio::time::timeout(ASK_FOR, shown.answer()) => answer.unwrap_or(Answer::None),
            () = self.until_usable(alias) => {
                shown.close().await;
                return Ended::Elsewhere;
            }
        };
        shown.close().await;
        if answer == Answer::LogIn {
            self.log_in_for(alias, Asking::default(), Window::Always)
                .await;
        }
        Ended::Asked
    }

    /// A login that no command waits for: the browser is opened from here. `status` says how it
    /// failed.
    pub(in crate::accounts) async fn log_in_for(
        self: &Arc<Self>,
        alias: &str,
        asking: Asking,
        window: Window,
    ) {
        let (events, mut news) = mpsc::channel(16);
        let joining = Joining {
            opens_browser: self.surroundings.session().has_desktop(),
            unless_usable: None,
        };
        let login = self.log_in_again(alias, Flow::Browser, asking, joining, &events);
        tokio::pin!(login);
        let failed = loop {
            tokio::select! {
                biased;
                Some(event) = news.recv() => {
                    if let Event::OpenBrowser { url, opened } = event
                        && (!opened || window == Window::Always)
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
        self.held.notices.tell(
            Cause::LoginFailed(alias.to_owned()),
            format!("the login for {alias} failed: {failed}; log in: opkssh login {alias}"),
        );
    }

    /// Ends when the account can be used, or is no more.
    pub(in crate::accounts) async fn until_usable(&self, alias: &str) {
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
