//! Asking the person whether a key may be used, once.

use async_trait::async_trait;
use opkssh_protocol::printable::printable;

use super::source::Identity;
use super::userauth::UserauthRequest;

/// What the question shows of a comment or a user's name, in characters.
const MAX_SHOWN: usize = 100;

/// Asks the person.
#[async_trait]
pub trait Confirm: Send + Sync {
    /// Returns true if the person says yes; false, too, if nobody can be asked.
    async fn confirm(&self, question: String) -> bool;
}

/// Returns the question whether `data` may be signed with a key for `process`.
pub fn question(identity: &Identity, data: &[u8], process: Option<u32>) -> String {
    let comment = printable(&identity.comment).at_most(MAX_SHOWN);
    let mut question = format!(
        "Allow use of key {comment}?\nKey fingerprint {}.",
        identity.name
    );
    if let Some(request) = UserauthRequest::parse(data) {
        let user = String::from_utf8_lossy(request.user).into_owned();
        question += &format!("\nFor a login as {}.", printable(&user).at_most(MAX_SHOWN));
    }
    if let Some(pid) = process {
        let program = std::fs::read_to_string(format!("/proc/{pid}/comm"));
        let program = program.map_or("a process".to_owned(), |name| name.trim_end().to_owned());
        question += &format!("\nAsked for by {} (pid {pid}).", printable(&program));
    }
    question
}
