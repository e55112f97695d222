//! Logins that wait for the browser's answer, found by their `state`: for an answer that a person
//! brings because their browser is on another machine.

use std::collections::BTreeMap;

use opkssh_protocol::control::Failure;
use opkssh_protocol::secret::Secret;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use url::{Url, form_urlencoded};

use super::loopback::Visit;

/// Longer than any address that a browser shows, in bytes.
const LONGEST: usize = 32 * 1024;

/// The logins that wait, by their `state`.
#[derive(Default)]
pub struct Awaited(Mutex<BTreeMap<String, WaitingLogin>>);

struct WaitingLogin {
    /// Where the provider sends the browser.
    redirect_uris: Vec<String>,
    visits: mpsc::Sender<Visit>,
}

/// A login that waits; dropping it ends that.
pub struct Waiting<'a> {
    awaited: &'a Awaited,
    state: String,
}

/// Why an answer that a person brought cannot be used. The login goes on waiting.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum NotAwaited {
    #[error("this is not the answer to a login")]
    NoAnswer,
    #[error("no login waits for this answer")]
    Unknown,
    #[error("the address is not one that this login ends at: another provider may have sent it")]
    OtherAddress,
}

impl From<NotAwaited> for Failure {
    fn from(error: NotAwaited) -> Self {
        let hint = match error {
            NotAwaited::NoAnswer => {
                "bring the whole address where the browser ended: it holds code= and state="
            }
            NotAwaited::Unknown => {
                "it is another login's, or of one that is over; begin anew: opkssh login"
            }
            NotAwaited::OtherAddress => {
                "bring the address where the login at its own provider ended, or begin anew: \
                 opkssh login"
            }
        };
        Self {
            message: error.to_string(),
            hint: Some(hint.to_owned()),
            ..Self::default()
        }
    }
}

impl Awaited {
    /// Hands answers with this `state` to `visits` from now on. An address must have the path of
    /// one of `redirect_uris`.
    pub(super) fn expect(
        &self,
        state: &str,
        redirect_uris: Vec<String>,
        visits: mpsc::Sender<Visit>,
    ) -> Waiting<'_> {
        let state = state.to_owned();
        let login = WaitingLogin {
            redirect_uris,
            visits,
        };
        self.0.lock().insert(state.clone(), login);
        Waiting {
            awaited: self,
            state,
        }
    }

    /// Brings an answer: the address where the browser ended, its query, or `CODE&STATE`.
    pub fn bring(&self, text: &Secret) -> Result<(), NotAwaited> {
        let (answer, path) = answer(text.expose()).ok_or(NotAwaited::NoAnswer)?;
        let visit = Visit::brought(answer);
        let state = visit.parameter("state").ok_or(NotAwaited::NoAnswer)?;
        let logins = self.0.lock();
        let login = logins.get(&state).ok_or(NotAwaited::Unknown)?;
        let mut ends = login
            .redirect_uris
            .iter()
            .filter_map(|uri| Url::parse(uri).ok());
        if path.is_some_and(|path| !ends.any(|uri| uri.path() == path)) {
            return Err(NotAwaited::OtherAddress);
        }
        // a full queue holds the right answer already, or will be empty when it is brought again
        let sent = login.visits.try_send(visit);
        sent.map_err(|_| NotAwaited::Unknown)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.awaited.0.lock().remove(&self.state);
    }
}

/// Returns the path of an address whose query was cut off. Browsers show it with or without its
/// scheme.
fn path_of(address: &str) -> String {
    let url = match address.contains("://") {
        true => Url::parse(address),
        false if address.starts_with('/') => Url::parse(&format!("http://localhost{address}")),
        false => Url::parse(&format!("http://{address}")),
    };
    // an address that cannot be read is that of no login
    url.map(|url| url.path().to_owned()).unwrap_or_default()
}

/// Returns the answer as an address of ours, and the path if an address was brought.
fn answer(text: &str) -> Option<(Url, Option<String>)> {
    let text = text.trim().trim_matches(['"', '\'', '<', '>']);
    if text.is_empty() || text.len() > LONGEST || text.contains(char::is_whitespace) {
        return None;
    }
    let (address, query) = text.split_once('?').unwrap_or(("", text));
    let path = Some(address).filter(|address| !address.is_empty());
    let (query, _) = query.split_once('#').unwrap_or((query, ""));
    let mut url = Url::parse("http://localhost/").ok()?;
    let has = |name| form_urlencoded::parse(query.as_bytes()).any(|(key, _)| key == name);
    if has("state") && (has("code") || has("error")) {
        url.set_query(Some(query));
        return Some((url, path.map(path_of)));
    }
    match text.split('&').collect::<Vec<_>>()[..] {
        [code, state] if !code.is_empty() && !state.is_empty() && !text.contains("://") => {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("code", code).append_pair("state", state);
            drop(pairs);
            Some((url, None))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
