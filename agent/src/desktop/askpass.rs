//! Asking with the program that OpenSSH uses for it (ssh-agent(1), ssh-add(1): `SSH_ASKPASS`).

use std::process::Stdio;

use opkssh_protocol::session_environment::SessionEnvironment;
use tokio::process::Command;

use super::outside_sandbox;
use crate::serving::confirmation::NotAsked;
use crate::serving::confirmation::question::{Choice, Question};

/// Tells the program that a yes or no is wanted.
const PROMPT: (&str, &str) = ("SSH_ASKPASS_PROMPT", "confirm");
const DEFAULT_PROGRAM: &str = "/usr/bin/ssh-askpass";

/// Asks; `is_sandboxed`: systemd runs the program.
pub async fn ask(
    question: &Question,
    session: &SessionEnvironment,
    is_sandboxed: bool,
) -> Result<Choice, NotAsked> {
    let program = session.get("SSH_ASKPASS").unwrap_or(DEFAULT_PROGRAM);
    let text = text(question);
    let mut command = match is_sandboxed {
        true => by_systemd(program, &text, session),
        false => directly(program, &text, session),
    };
    command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let output = command.output().await;
    let output = output.map_err(|error| NotAsked::Impossible(format!("{program}: {error}")))?;
    Ok(match output.status.success() {
        true => choice(question, output.stdout.trim_ascii()),
        false => Choice::Refuse,
    })
}

/// Returns the choice that an answer stands for. As with OpenSSH, a yes is `yes` or no output.
fn choice(question: &Question, answer: &[u8]) -> Choice {
    let is = |word: &str| answer.eq_ignore_ascii_case(word.as_bytes());
    let wanted = match answer {
        [] => yes(question),
        _ if is("yes") => yes(question),
        _ if is("once") => Choice::Once,
        _ if is("always") => Choice::Always,
        _ => Choice::Refuse,
    };
    let is_offered = question.choices.contains(&wanted);
    if is_offered { wanted } else { Choice::Refuse }
}

/// Returns what a plain yes stands for.
fn yes(question: &Question) -> Choice {
    match question.choices.contains(&Choice::TenMinutes) {
        true => Choice::TenMinutes,
        false => Choice::Once,
    }
}

fn text(question: &Question) -> String {
    let mut lines = vec![question.summary.as_str()];
    lines.extend(question.details.iter().map(String::as_str));
    if yes(question) == Choice::TenMinutes {
        lines.push("A yes counts for 10 minutes for this host.");
    }
    lines.join("\n")
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
