//! Asking the person yes or no with the program that OpenSSH uses for it (ssh-agent(1), ssh-add(1):
//! `SSH_ASKPASS`, `SSH_ASKPASS_REQUIRE`).

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use opkssh_protocol::session_environment::SessionEnvironment;
use tokio::process::Command;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::timeout;

use super::outside_sandbox;
use super::surroundings::Surroundings;
use crate::serving::confirm::{Confirm, NotAsked};

/// Tells the program that a yes or no is wanted.
const PROMPT: (&str, &str) = ("SSH_ASKPASS_PROMPT", "confirm");
const DEFAULT_PROGRAM: &str = "/usr/bin/ssh-askpass";
/// How long a question stands. Whoever asked waits.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Questions at once, the one that is shown included; and those of other machines.
const MAX_QUESTIONS: usize = 8;
const MAX_FORWARDED: usize = 1;

pub struct Askpass {
    surroundings: Arc<Surroundings>,
    places: Semaphore,
    forwarded_places: Semaphore,
    /// Held while a question is shown: one at a time.
    showing: Mutex<()>,
}

impl Askpass {
    pub fn new(surroundings: Arc<Surroundings>) -> Self {
        Self {
            surroundings,
            places: Semaphore::new(MAX_QUESTIONS),
            forwarded_places: Semaphore::new(MAX_FORWARDED),
            showing: Mutex::default(),
        }
    }
}

#[async_trait]
impl Confirm for Askpass {
    async fn confirm(&self, question: String, is_forwarded: bool) -> Result<bool, NotAsked> {
        let not_asked = |why: &str| Err(NotAsked(why.to_owned()));
        let places = match is_forwarded {
            true => &self.forwarded_places,
            false => &self.places,
        };
        let Ok(_place) = places.try_acquire() else {
            return not_asked("too many questions wait for an answer");
        };
        let _showing = self.showing.lock().await;
        let session = self.surroundings.session();
        let get = |name| session.get(name).map(str::to_owned);
        let is_forced = get("SSH_ASKPASS_REQUIRE").as_deref() == Some("force");
        if !session.has_display() && !is_forced {
            return not_asked(
                "no display to ask on; a terminal's question needs SSH_ASKPASS and \
                 SSH_ASKPASS_REQUIRE=force in the environment of opkssh agent start",
            );
        }
        let program = get("SSH_ASKPASS").unwrap_or_else(|| DEFAULT_PROGRAM.to_owned());
        let mut command = match self.surroundings.is_service {
            true => by_systemd(&program, &question, &session),
            false => directly(&program, &question, &session),
        };
        command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        match timeout(TIMEOUT, command.output()).await {
            // as OpenSSH: no output, or a yes
            Ok(Ok(output)) => {
                let answer = output.stdout.trim_ascii();
                let is_yes = answer.is_empty() || answer.eq_ignore_ascii_case(b"yes");
                Ok(output.status.success() && is_yes)
            }
            Ok(Err(error)) => Err(NotAsked(format!("{program}: {error}"))),
            Err(_) => not_asked("nobody has answered"),
        }
    }
}

fn directly(program: &str, question: &str, session: &SessionEnvironment) -> Command {
    let mut command = Command::new(program);
    command.arg(question).envs(session.for_programs());
    command.env(PROMPT.0, PROMPT.1);
    command
}

fn by_systemd(program: &str, question: &str, session: &SessionEnvironment) -> Command {
    let variables = session.for_programs().chain([PROMPT]);
    let what = "ask whether a key may be used";
    let program = program.as_ref();
    outside_sandbox::by_systemd(&["--pipe"], what, variables, program, &[question]).into()
}

#[cfg(test)]
mod tests;
