//! Asking the person whether a key may be used (`forwarding: confirm`, `confirm_local`,
//! `ssh-add -c`): one question at a time, and what was answered counts for a while.

mod answers;
pub mod jump_hosts;
pub mod question;
mod turns;

use std::io;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use async_trait::async_trait;
use opkssh_protocol::control::JumpHost;
use opkssh_protocol::time::UnixTime;

use answers::Answers;
pub use answers::KeyUse;
use jump_hosts::JumpHosts;
use question::{Choice, Question};
use turns::Turns;

/// Shows a question to the person.
#[async_trait]
pub trait AskPerson: Send + Sync {
    /// Returns what the person chose: one of the question's choices.
    async fn ask(&self, question: &Question) -> Result<Choice, NotAsked>;
}

/// Keeps what the person was asked, and answered.
pub trait RecordQuestion: Send + 'static {
    fn asked(&self);
    fn answered(self, said: &Result<Choice, NotAsked>);
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    #[error("too many questions wait for an answer")]
    TooMany,
    #[error("nobody has answered")]
    Unanswered,
    #[error("{0}")]
    Impossible(String),
}

/// Asks, and remembers the answers.
pub struct Confirmations {
    person: Arc<dyn AskPerson>,
    turns: Turns,
    pub(super) answers: Answers,
    pub jump_hosts: JumpHosts,
}

impl Confirmations {
    pub fn new(person: Arc<dyn AskPerson>, jump_hosts: JumpHosts) -> Self {
        Self {
            person,
            turns: Turns::default(),
            answers: Answers::default(),
            jump_hosts,
        }
    }

    /// Returns true if the person permits a use of a key, now or by an answer that still counts.
    ///
    /// The question stays when the caller is dropped: otherwise a peer that hangs up could have one
    /// question after the other shown.
    pub async fn ask_permission(
        self: &Arc<Self>,
        wanted: KeyUse,
        question: Question,
        record: impl RecordQuestion,
    ) -> Result<bool, NotAsked> {
        if let Some(answer) = self.answers.find(&wanted, Instant::now()) {
            return answer;
        }
        let this = self.clone();
        let asked = tokio::spawn(async move { this.ask(wanted, question, record).await });
        asked
            .await
            .unwrap_or_else(|error| Err(NotAsked::Impossible(error.to_string())))
    }

    async fn ask(
        &self,
        wanted: KeyUse,
        question: Question,
        record: impl RecordQuestion,
    ) -> Result<bool, NotAsked> {
        let machine = wanted
            .via
            .as_ref()
            .map(|via| via.first().map(|first| first.host_key.clone()));
        let turn = self.turns.take(machine).await;
        let _turn = turn.ok_or(NotAsked::TooMany)?;
        // another request for the same may have been answered meanwhile
        if let Some(answer) = self.answers.find(&wanted, Instant::now()) {
            return answer;
        }
        record.asked();
        let chosen = self.person.ask(&question).await;
        record.answered(&chosen);
        let now = Instant::now();
        match chosen {
            Ok(Choice::Once) => Ok(true),
            Ok(Choice::TenMinutes) => {
                self.answers.remember_yes(wanted, now);
                Ok(true)
            }
            Ok(Choice::Always) => {
                self.jump_hosts.add(&wanted, &question.always_for).await;
                self.answers.remember_yes(wanted, now);
                Ok(true)
            }
            Ok(Choice::Refuse) => {
                self.answers.remember_no(&wanted, Ok(()), now);
                Ok(false)
            }
            Err(why) => {
                self.answers.remember_no(&wanted, Err(why.clone()), now);
                Err(why)
            }
        }
    }

    /// Forgets what was permitted to accounts that are logged out, for as long as the daemon runs.
    pub async fn follow_accounts(&self) {
        let mut accounts = self.jump_hosts.accounts.clone();
        loop {
            let names = accounts.borrow_and_update().clone();
            let is_gone = |account: &String| !names.contains(account);
            (self.answers).forget(|used| used.key.is_some() && is_gone(&used.identity));
            let removed = self.jump_hosts.remove(|host| is_gone(&host.account));
            if !removed.is_empty() {
                self.jump_hosts.try_write().await;
            }
            if accounts.changed().await.is_err() {
                return;
            }
        }
    }

    /// Returns the machines through which accounts may be used without a question, now or for good.
    pub fn jump_hosts(&self) -> Vec<JumpHost> {
        let now = UnixTime::from(SystemTime::now());
        let mut all = self.jump_hosts.all();
        for (used, left) in self.answers.permitted(Instant::now()) {
            let left = i64::try_from(left.as_secs()).unwrap_or(i64::MAX);
            let until = Some(now.plus(left));
            let machines = used.via.iter().flatten();
            all.extend(machines.map(|machine| JumpHost {
                until,
                ..machine.jump_host(&used)
            }));
        }
        all
    }

    /// Asks again for uses through jump hosts that were permitted, and returns these.
    ///
    /// # Errors
    ///
    /// The permission would count again after a restart.
    pub async fn distrust(
        &self,
        is_meant: impl Fn(&JumpHost) -> bool,
    ) -> Result<Vec<JumpHost>, io::Error> {
        let mut removed = self.jump_hosts();
        removed.retain(&is_meant);
        self.answers.forget(|used| {
            let mut machines = used.via.iter().flatten();
            machines.any(|machine| is_meant(&machine.jump_host(used)))
        });
        if !self.jump_hosts.remove(is_meant).is_empty() {
            self.jump_hosts.write().await?;
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests;
