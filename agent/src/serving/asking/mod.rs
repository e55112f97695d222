//! Asking the person whether a key may be used (`forwarding: confirm`, `confirm_local`,
//! `ssh-add -c`): one question at a time, and what was answered counts for a while.

mod answers;
pub mod jump_hosts;
pub mod question;
mod turns;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use opkssh_protocol::control::JumpHost;

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
pub struct Asking {
    person: Arc<dyn AskPerson>,
    turns: Turns,
    pub(super) answers: Answers,
    pub jump_hosts: JumpHosts,
}

impl Asking {
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
    pub async fn permit(
        self: &Arc<Self>,
        wanted: KeyUse,
        question: Question,
        record: impl RecordQuestion,
    ) -> Result<bool, NotAsked> {
        if let Some(answer) = self.answers.find(&wanted, Instant::now()) {
            return Ok(answer);
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
        let turn = self.turns.take(wanted.is_forwarded()).await;
        let _turn = turn.ok_or(NotAsked::TooMany)?;
        // another request for the same may have been answered meanwhile
        if let Some(answer) = self.answers.find(&wanted, Instant::now()) {
            return Ok(answer);
        }
        record.asked();
        let chosen = self.person.ask(&question).await;
        record.answered(&chosen);
        let now = Instant::now();
        match chosen {
            Ok(Choice::Once) => Ok(true),
            Ok(Choice::TenMinutes) => {
                self.answers.permit(wanted, now);
                Ok(true)
            }
            Ok(Choice::Always) => {
                self.jump_hosts.add(&wanted.identity, &question.via).await;
                self.answers.permit(wanted, now);
                Ok(true)
            }
            Ok(Choice::Refuse) => {
                self.answers.refuse(&wanted, now);
                Ok(false)
            }
            Err(why) => {
                if why == NotAsked::Unanswered {
                    self.answers.refuse(&wanted, now);
                }
                Err(why)
            }
        }
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
        let removed = self.jump_hosts.remove(is_meant);
        for host in &removed {
            self.answers.forget(&host.account, &host.host_key);
        }
        self.jump_hosts.write().await.map(|()| removed)
    }
}

#[cfg(test)]
mod tests;
