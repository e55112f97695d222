//! The one owner of the facts. It takes events from a channel and publishes the facts after each.
//! The actions that follow from them run as tasks; the end of an action is an event, too.
//!
//! Nobody else changes the facts. Whoever waits for something states a condition on what is
//! published, and a deadline.

mod actions;
mod published;
mod reasons;
mod task;
#[cfg(debug_assertions)]
mod trace;

use std::sync::Arc;
use std::time::Duration;

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::secret::Secret;
use tokio::sync::{mpsc, oneshot, watch};

use super::account_for_login::OtherPerson;
use super::clock::Clock;
use super::credentials::Credentials;
use super::lifecycle::{Event, Memory, Suspended};
use super::material::{Facts, Real};
use super::store::StoreKind;
use crate::audit::Audit;
use crate::notices::Notices;

pub use actions::Actions;
pub use published::{Published, visibility};
use reasons::Reasons;
use task::Task;

/// A way to the owner, for whoever has something to tell it or to read.
#[derive(Clone)]
pub struct Owner {
    messages: mpsc::UnboundedSender<Message>,
    published: watch::Receiver<Arc<Published>>,
    clock: Clock,
}

/// What the owner does in its turn. What it returns is called when the result is published.
type Message = Box<dyn FnOnce(&mut Task) -> Answer + Send>;

type Answer = Box<dyn FnOnce() + Send>;

/// A login that ended well.
pub struct NewLogin {
    /// The account that it was asked for.
    pub wanted: Option<AccountName>,
    /// For a new account; `None`: memory only. An account that there is keeps its own.
    pub store: Option<StoreKind>,
    pub refresh_token: Option<Secret>,
    pub credentials: Credentials,
}

/// The account that a login became.
pub struct Taken {
    pub name: String,
    /// Which of its logins.
    pub login: i64,
}

#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("the agent is locked")]
    Locked,
    #[error(transparent)]
    OtherPerson(#[from] OtherPerson),
    #[error("the agent ends")]
    Ending,
}

impl Owner {
    /// Starts the owner. It runs for as long as there is a way to it.
    pub fn start(
        facts: Facts,
        actions: Actions,
        clock: Clock,
        notices: Arc<Notices>,
        audit: Arc<Audit>,
    ) -> Self {
        let (messages, received) = mpsc::unbounded_channel();
        let first = Published::new(facts.clone(), Reasons::default());
        let (published, followed) = watch::channel(Arc::new(first));
        let task = Task {
            #[cfg(debug_assertions)]
            trace: trace::Trace::new(&facts),
            facts,
            reasons: Reasons::default(),
            actions: Arc::new(actions),
            clock: clock.clone(),
            notices,
            audit,
            published,
            messages: messages.downgrade(),
        };
        let running = tokio::spawn(task.run(received));
        tokio::spawn(async move {
            // what was published last would be shown for ever, whatever is locked
            // at the agent's end it is cancelled, which is no failure
            if running.await.is_err_and(|error| error.is_panic()) {
                tracing::error!("the owner of the accounts has failed: the agent ends");
                std::process::exit(1);
            }
        });
        Self {
            messages,
            published: followed,
            clock,
        }
    }

    /// Returns what is true now. It holds secrets: not to be kept while waiting for anything.
    pub fn now(&self) -> Arc<Published> {
        self.published.borrow().clone()
    }

    /// Tells the owner of something, and does not wait for it.
    pub fn tell(&self, event: Event<Real>) {
        drop(self.run(|task| task.apply(event)));
    }

    /// Tells the owner of something. Returns when that is published.
    pub async fn apply(&self, event: Event<Real>) {
        let _ = self.run(|task| task.apply(event)).await;
    }

    /// Says what keeps the identities away, given what kept them away before.
    pub async fn suspend(&self, change: impl FnOnce(Suspended) -> Suspended + Send + 'static) {
        let done = self.run(|task| {
            let suspended = change(task.facts.agent.suspended);
            task.apply(Event::SessionChanged(suspended));
        });
        let _ = done.await;
    }

    /// Hands a login over. From here on nothing of it is lost.
    pub async fn log_in(&self, login: NewLogin) -> Result<Taken, NotTaken> {
        let taken = self.run(|task| task.log_in(login)).await;
        taken.unwrap_or(Err(NotTaken::Ending))
    }

    /// Has the stores asked for all accounts that are not in memory, and waits for that, for so long
    /// at most.
    pub async fn bring_back(&self, limit: Duration) {
        let names: Vec<String> = {
            let published = self.now();
            let accounts = published.facts.accounts.iter();
            let missing = accounts.filter(|one| matches!(one.memory, Memory::Nothing));
            missing.map(|one| one.name.clone()).collect()
        };
        self.want(&names, limit).await;
    }

    /// Has these accounts loaded, and renewed if they are due, and waits for that, for so long at
    /// most.
    pub async fn want(&self, names: &[String], limit: Duration) {
        if names.is_empty() {
            return;
        }
        let seconds = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
        let (wanted, until) = (names.to_vec(), self.clock.now().plus(seconds));
        let begun = self.run(move |task| {
            for name in wanted {
                task.apply(Event::Wanted { name, until });
            }
        });
        let _ = begun.await;
        let is_over = |published: &Published| {
            let accounts = published.facts.accounts.iter();
            let mut waiting = accounts.filter(|account| account.wanted_until.is_some());
            (!waiting.any(|account| names.contains(&account.name))).then_some(())
        };
        self.wait_for(limit, is_over).await;
    }

    /// Waits until `condition` gives something, for so long at most.
    pub async fn wait_for<T>(
        &self,
        limit: Duration,
        mut condition: impl FnMut(&Published) -> Option<T>,
    ) -> Option<T> {
        let mut published = self.published.clone();
        let waiting = async {
            loop {
                if let Some(found) = condition(&published.borrow_and_update()) {
                    return Some(found);
                }
                published.changed().await.ok()?;
            }
        };
        tokio::time::timeout(limit, waiting).await.ok().flatten()
    }

    /// Follows what is published.
    pub fn changes(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }

    /// Has this done in its turn. What it gives comes when the result is published.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Task) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (done, answer) = oneshot::channel();
        let _ = self.messages.send(Box::new(|task| {
            let given = work(task);
            Box::new(|| drop(done.send(given)))
        }));
        answer
    }
}
