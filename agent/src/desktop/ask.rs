//! Asking the person a question: by a desktop notification, or by the program that OpenSSH uses for
//! it (ssh-agent(1): `SSH_ASKPASS`).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;

use super::surroundings::Surroundings;
use super::{askpass, notification};
use crate::serving::confirmation::question::{Choice, Question};
use crate::serving::confirmation::{AskPerson, NotAsked};

/// Time after which a question counts as unanswered.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The person's session.
pub struct Desktop {
    pub surroundings: Arc<Surroundings>,
}

#[async_trait]
impl AskPerson for Desktop {
    /// Asks with `SSH_ASKPASS` if `SSH_ASKPASS_REQUIRE` is `force`, or no notification can be shown.
    async fn ask(&self, question: &Question) -> Result<Choice, NotAsked> {
        let session = self.surroundings.session();
        let is_forced = session.get("SSH_ASKPASS_REQUIRE") == Some("force");
        if !is_forced && let Some(answer) = self.notify(question).await {
            return answer;
        }
        if !session.has_display() && !is_forced {
            return Err(NotAsked::Impossible(
                "no desktop notification can be shown, and there is no display to ask on; a \
                 terminal's question needs SSH_ASKPASS and SSH_ASKPASS_REQUIRE=force in the \
                 environment of opkssh agent start"
                    .to_owned(),
            ));
        }
        let asked = askpass::ask(question, &session, self.surroundings.is_service);
        timeout(TIMEOUT, asked)
            .await
            .unwrap_or(Err(NotAsked::Unanswered))
    }
}

impl Desktop {
    /// Asks by a notification; `None` if none can be shown. Closing it refuses.
    async fn notify(&self, question: &Question) -> Option<Result<Choice, NotAsked>> {
        let buttons = question
            .choices
            .iter()
            .map(|choice| (key(*choice), choice.label()));
        let buttons: Vec<_> = buttons.collect();
        let body = question.details.join("\n");
        let bus = self.surroundings.bus();
        let shown = notification::show(bus, &question.summary, &body, &buttons).await;
        let mut shown = shown.ok()?;
        let pressed = timeout(TIMEOUT, shown.wait_for_button()).await;
        shown.close().await;
        Some(match pressed {
            Ok(button) => {
                let mut choices = question.choices.iter().copied();
                let chosen = choices.find(|choice| button.as_deref() == Some(key(*choice)));
                Ok(chosen.unwrap_or(Choice::Refuse))
            }
            Err(_) => Err(NotAsked::Unanswered),
        })
    }
}

fn key(choice: Choice) -> &'static str {
    match choice {
        Choice::Once => "once",
        Choice::TenMinutes => "ten-minutes",
        Choice::Always => "always",
        Choice::Refuse => "refuse",
    }
}
