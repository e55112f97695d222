//! The task that owns the facts.

use std::sync::Arc;

use opkssh_protocol::audit::{AuditEntry, AuditEvent};
use tokio::sync::{mpsc, watch};

use super::actions::{Actions, Ended};
use super::published::Published;
use super::reasons::Reasons;
use super::{Answer, Message, NewLogin, NotTaken, Taken};
use crate::accounts::account_for_login::{account_of_login, is_of};
use crate::accounts::clock::Clock;
use crate::accounts::lifecycle::{Event, Login, Notice, Outcome, apply, next, wake};
use crate::accounts::material::{Facts, Person, Real};
use crate::accounts::renewal::alarm::Alarm;
use crate::accounts::shared::Shared;
use crate::audit::Audit;
use crate::notices::{Cause, Notices};

pub struct Task {
    pub facts: Facts,
    pub reasons: Reasons,
    pub actions: Arc<Actions>,
    pub clock: Clock,
    pub notices: Arc<Notices>,
    pub audit: Arc<Audit>,
    pub published: watch::Sender<Arc<Published>>,
    pub messages: mpsc::WeakUnboundedSender<Message>,
    #[cfg(debug_assertions)]
    pub trace: Option<super::trace::Trace>,
}

impl Task {
    pub async fn run(mut self, mut messages: mpsc::UnboundedReceiver<Message>) {
        let alarm = Alarm::new(self.clock.clone());
        let stores = self.actions.stores.clone();
        let mut answers: Vec<Answer> = Vec::new();
        loop {
            self.start_what_is_due();
            self.tell_notices();
            self.publish();
            // whoever is answered sees what came of it
            answers.drain(..).for_each(|answer| answer());
            let wake = wake(&self.facts, self.clock.now());
            tokio::select! {
                () = alarm.wait(wake) => {
                    self.look_at_settings();
                    self.apply(Event::TimePassed);
                }
                store = stores.answers_again() => self.apply(Event::StoreUnlocked(store)),
                message = messages.recv() => match message {
                    Some(message) => answers.push(message(&mut self)),
                    None => return,
                },
            }
            while let Ok(message) = messages.try_recv() {
                answers.push(message(&mut self));
            }
        }
    }

    /// Applies settings that have changed. Renewals are planned by them, also while no request comes.
    fn look_at_settings(&mut self) {
        let in_force = self.actions.settings.look();
        if self.facts.agent.settings != in_force {
            self.apply(Event::SettingsChanged(in_force));
        }
    }

    pub fn apply(&mut self, event: Event<Real>) {
        let now = self.clock.now();
        #[cfg(debug_assertions)]
        let recorded = event.clone();
        apply(&mut self.facts, event, now);
        #[cfg(debug_assertions)]
        if let Some(trace) = &mut self.trace {
            trace.record(recorded, now, &self.facts);
        }
    }

    /// One at a time: what is started changes what is due.
    fn start_what_is_due(&mut self) {
        while let Some(action) = next(&self.facts, self.clock.now()).into_iter().next() {
            self.apply(Event::Started(action.clone()));
            let Some(messages) = self.messages.upgrade() else {
                return;
            };
            let ended = self.actions.clone().run(action);
            tokio::spawn(async move {
                let Ended { event, reason } = ended.await;
                let _ = messages.send(Box::new(|task| {
                    task.reasons.note(&event, reason);
                    let verified = match &event {
                        Event::Ended(name, Outcome::Verified(_)) => Some(name.clone()),
                        _ => None,
                    };
                    task.apply(event);
                    if let Some(name) = verified {
                        task.audit_renewal(&name);
                    }
                    Box::new(|| ())
                }));
            });
        }
    }

    /// Records the result of a renewal whose new token was verified.
    fn audit_renewal(&self, name: &String) {
        let Some(account) = self.facts.account(name) else {
            return;
        };
        self.audit.record(match account.refresh.failure {
            Some(failure) => AuditEntry {
                reason: Some(self.reasons.refresh(name, failure)),
                ..AuditEntry::of_account(AuditEvent::RenewalFailed, name)
            },
            None => AuditEntry {
                key: account.item().map(|item| item.credentials.fingerprint()),
                ..AuditEntry::of_account(AuditEvent::Renewed, name)
            },
        });
    }

    pub fn log_in(&mut self, login: NewLogin) -> Result<Taken, NotTaken> {
        let name = account_of_login(&self.facts, login.wanted.as_ref(), &login.credentials)?;
        let person = Person::of(&login.credentials);
        // the index goes on saying it as it does
        let known = self.facts.account(&name).filter(|one| is_of(one, &person));
        let person = known.map_or(person, |account| account.person.clone());
        if !self.facts.takes_login(&name, &person) {
            return Err(NotTaken::Locked);
        }
        self.apply(Event::LoggedIn(Login {
            name: name.clone(),
            person,
            store: login.store,
            refresh_token: login.refresh_token.map(Shared::new),
            credentials: Shared::new(login.credentials),
        }));
        self.reasons.forget(&name);
        for cause in Cause::ended_by_login(&name) {
            self.notices.clear(&cause);
        }
        let login = self.facts.account(&name).map(|account| account.login);
        Ok(Taken {
            name,
            login: login.unwrap_or_default(),
        })
    }

    fn tell_notices(&mut self) {
        for notice in std::mem::take(&mut self.facts.notices) {
            match notice {
                Notice::LoggedOut {
                    name,
                    login,
                    revocation,
                } => {
                    let left = name.clone();
                    let revocation = self.reasons.logged_out(left, login, revocation);
                    self.audit.record(AuditEntry {
                        reason: Some(revocation.clone()),
                        ..AuditEntry::of_account(AuditEvent::LoggedOut, &name)
                    });
                    let now = self.clock.now();
                    if let Some(lifetime) = self.facts.agent.lifetime
                        && login.saturating_add(lifetime) <= now.0
                    {
                        // nobody has asked for it, so nobody would see it elsewhere
                        self.notices.tell(
                            Cause::Logout(name.clone()),
                            format!(
                                "{name} was logged out at the end of its lifetime: {revocation}"
                            ),
                        );
                    }
                }
                Notice::Dropped(name) => self.notices.tell(
                    Cause::Dropped(name.clone()),
                    format!(
                        "account {name} was in memory only and is gone (SIGUSR1); log in: opkssh \
                         login {name}"
                    ),
                ),
                Notice::RefreshFailed(name, failure) => {
                    let reason = self.reasons.refresh(&name, failure);
                    tracing::warn!(account = name, "renewal failed: {reason}");
                    self.audit.record(AuditEntry {
                        reason: Some(reason),
                        ..AuditEntry::of_account(AuditEvent::RenewalFailed, &name)
                    });
                }
            }
        }
    }

    fn publish(&mut self) {
        let published = Published::new(self.facts.clone(), self.reasons.clone());
        self.published.send_replace(Arc::new(published));
    }
}
