//! Asking the person whether a key may be used.

use async_trait::async_trait;
use opkssh_protocol::inspect::fingerprint;
use opkssh_protocol::printable::printable;

use super::destination::Bindings;
use super::source::Identity;
use super::userauth::UserauthRequest;

/// What the question shows of a text from elsewhere, in characters.
const MAX_SHOWN: usize = 60;

/// Asks the person.
#[async_trait]
pub trait Confirm: Send + Sync {
    /// Returns true if the person says yes. Questions of other machines do not keep this machine's
    /// from being asked.
    async fn confirm(&self, question: String, is_forwarded: bool) -> Result<bool, NotAsked>;
}

/// Why the person was not asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NotAsked(pub String);

/// Returns the question whether an account may log in somewhere through another machine. `user` is
/// who is logged in there, and the machines are named as known_hosts does.
pub fn forwarded_question(account: &str, user: &str, server: &str, via: &str) -> String {
    let user = printable(user).at_most(MAX_SHOWN).quoted();
    format!(
        "Allow use of the account {account} through another machine?\n\
         The agent is forwarded to {via}.\n\
         For a login as {user} to {server}.\n\
         A yes counts for 10 minutes, for these machines."
    )
}

/// Returns the question whether `data` may be signed with a key on a connection from `process`. It
/// says of a login only what was proved: whoever asks can make up the rest.
pub fn question(
    identity: &Identity,
    data: &[u8],
    bindings: &Bindings,
    process: Option<u32>,
) -> String {
    let comment = printable(&identity.comment).at_most(MAX_SHOWN);
    let fingerprint = &identity.name;
    let mut question = format!("Allow use of key {comment}?\nKey fingerprint {fingerprint}.");
    if let Some((user, host_key)) = proved_login(data, bindings) {
        let user = printable(&user).at_most(MAX_SHOWN).quoted();
        question += &format!("\nFor a login as {user} to the server with the host key {host_key}.");
    }
    match bindings.forwarded_to().next() {
        _ if !bindings.is_forwarded() => question += &asking_program(process),
        Some(hop) => {
            let hop = self::fingerprint(&hop.host_key.key);
            question += &format!(
                "\nAsked for by another machine, to which the agent is forwarded: the one with the \
                 host key {hop}."
            );
        }
        None => question += "\nAsked for by a connection that may be another machine's.",
    }
    question
}

/// Returns user and host key of a login in the session that the connection is bound to.
fn proved_login(data: &[u8], bindings: &Bindings) -> Option<(String, String)> {
    let request = UserauthRequest::parse(data)?;
    let bind = bindings.destination()?;
    let is_this =
        request.session_id == bind.session_id && request.host_key == Some(&bind.host_key.blob[..]);
    let user = String::from_utf8_lossy(request.user).into_owned();
    is_this.then(|| (user, fingerprint(&bind.host_key.key)))
}

fn asking_program(process: Option<u32>) -> String {
    let Some(pid) = process else {
        return String::new();
    };
    let program = std::fs::read_to_string(format!("/proc/{pid}/comm"));
    let program = program.map_or("a process".to_owned(), |name| name.trim_end().to_owned());
    format!("\nAsked for by {} (pid {pid}).", printable(&program))
}
