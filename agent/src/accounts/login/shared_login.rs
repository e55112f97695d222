//! One login at a time for all who wait for the same one: a second `opkssh ssh` opens no second
//! window. It is cancelled when the last of them has gone.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Weak};

use opkssh_protocol::control::{Event, Joining, LoginRequest};
use parking_lot::Mutex;
use ring::digest::{SHA256, digest};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use zeroize::Zeroizing;

/// The logins that wait for a person. `T` is the result of one.
pub(in crate::accounts) struct SharedLogins<T> {
    running: Mutex<HashMap<LoginKey, Weak<RunningLogin<T>>>>,
}

/// Requests with the same key can share a login: same providers, account, key type, principals,
/// flow. A hash, because a provider's entry may hold a client secret.
#[derive(PartialEq, Eq, Hash)]
pub(in crate::accounts) struct LoginKey(Vec<u8>);

/// The login ended without a result: its task panicked.
pub(in crate::accounts) struct Interrupted;

/// A login, held by everybody who takes part in it. It is cancelled when the last of them drops it.
struct RunningLogin<T> {
    progress: watch::Receiver<Progress<T>>,
    /// The events for which somebody opens the browser, by their number.
    opened: Mutex<BTreeSet<usize>>,
    task: AbortHandle,
}

/// Shows an event to everybody who takes part.
pub(in crate::accounts) type Tell = Arc<dyn Fn(Event) + Send + Sync>;

struct Progress<T> {
    events: Vec<Event>,
    outcome: Option<T>,
}

impl LoginKey {
    /// Fails only if the request cannot be written as JSON. `by_provider`: a login that names no
    /// account becomes the one named after its provider.
    pub(in crate::accounts) fn of(
        request: &LoginRequest,
        by_provider: bool,
    ) -> Result<Self, serde_json::Error> {
        let mut request = request.clone();
        // what does not change the login: who asks, and what is read from the configuration anew
        request.joining = Joining::default();
        // whoever tries it without the person first ends at the same login
        request.asking.silent_first = false;
        if let ([provider], Some(account)) = (&request.providers[..], &request.account)
            && by_provider
            && account.as_str() == provider.name()
        {
            // what an account is called where nothing is said
            request.account = None;
        }
        for provider in &mut request.providers {
            let send = request.send_access_token;
            provider.send_access_token = send.unwrap_or(provider.send_access_token);
            provider.hosts.clear();
            provider.expiration = Default::default();
            provider.on_demand = Default::default();
        }
        request.send_access_token = None;
        let text = serde_json::to_vec(&request).map(Zeroizing::new)?;
        let digest = digest(&SHA256, &text);
        Ok(Self(digest.as_ref().to_vec()))
    }
}

impl<T> Default for SharedLogins<T> {
    fn default() -> Self {
        Self {
            running: Mutex::default(),
        }
    }
}

impl<T> SharedLogins<T> {
    /// Returns true if no login is under way.
    pub(in crate::accounts) fn is_empty(&self) -> bool {
        let running = self.running.lock();
        let mut logins = running.values().filter_map(Weak::upgrade);
        !logins.any(|login| login.is_running())
    }
}

impl<T: Clone + Send + Sync + 'static> SharedLogins<T> {
    /// Takes part in the login with this key: `events` gets all of its events, also those from
    /// before. Without one, and unless there is a `shortcut`, it is begun. Dropping the future
    /// leaves the login, and ends it when nobody else takes part.
    pub(in crate::accounts) async fn join<F>(
        &self,
        key: LoginKey,
        opens_browser: bool,
        events: &mpsc::Sender<Event>,
        shortcut: impl FnOnce() -> Option<T>,
        begin: impl FnOnce(Tell) -> F,
    ) -> Result<T, Interrupted>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let login = {
            let mut running = self.running.lock();
            running.retain(|_, login| login.strong_count() > 0);
            let login = running.get(&key).and_then(Weak::upgrade);
            // in this order: when a login has ended, its account can be used
            if let Some(login) = login.filter(|login| login.is_running()) {
                login
            } else if let Some(outcome) = shortcut() {
                return Ok(outcome);
            } else {
                let login = Arc::new(RunningLogin::begin(begin));
                running.insert(key, Arc::downgrade(&login));
                login
            }
        };
        let mut progress = login.progress.clone();
        let mut seen = 0;
        loop {
            let (news, outcome) = {
                let progress = progress.borrow_and_update();
                (progress.events[seen..].to_vec(), progress.outcome.clone())
            };
            for mut event in news {
                if let Event::OpenBrowser { opened, .. } = &mut event {
                    let mut windows = login.opened.lock();
                    *opened = windows.contains(&seen);
                    if opens_browser {
                        windows.insert(seen);
                    }
                }
                seen += 1;
                // one that hangs up is dropped by whoever serves it
                let _ = events.send(event).await;
            }
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
            progress.changed().await.map_err(|_| Interrupted)?;
        }
    }
}

impl<T: Send + Sync + 'static> RunningLogin<T> {
    fn begin<F>(begin: impl FnOnce(Tell) -> F) -> Self
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (sender, progress) = watch::channel(Progress {
            events: Vec::new(),
            outcome: None,
        });
        let sender = Arc::new(sender);
        let told = sender.clone();
        let login = begin(Arc::new(move |event| {
            told.send_modify(|progress| progress.events.push(event));
        }));
        let task = tokio::spawn(async move {
            let outcome = login.await;
            sender.send_modify(|progress| progress.outcome = Some(outcome));
        });
        Self {
            progress,
            opened: Mutex::default(),
            task: task.abort_handle(),
        }
    }
}

impl<T> RunningLogin<T> {
    fn is_running(&self) -> bool {
        // the sender is gone after a panic, too
        self.progress.borrow().outcome.is_none() && self.progress.has_changed().is_ok()
    }
}

impl<T> Drop for RunningLogin<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
