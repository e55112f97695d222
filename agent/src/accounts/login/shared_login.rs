//! One login at a time for everybody who waits for the same one: a second `opkssh ssh` opens no
//! second window. It ends when the last of them has gone.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use opkssh_protocol::control::{Event, Joining, LoginRequest};
use parking_lot::Mutex;
use ring::digest;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use zeroize::Zeroizing;

/// The logins that wait for a person. `T` is how one ends.
pub(in crate::accounts) struct SharedLogins<T> {
    pending: Arc<Mutex<HashMap<LoginKey, Pending<T>>>>,
}

/// Requests with the same key can share a login: same providers, account, key type, principals,
/// flow. A hash, because a provider's entry may hold a client secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::accounts) struct LoginKey([u8; 32]);

/// The login ended without a result: it failed in a way that nobody foresaw.
pub(in crate::accounts) struct Interrupted;

struct Pending<T> {
    progress: watch::Receiver<Progress<T>>,
    /// Events of this login that some follower opens the browser for, by their number.
    opened: Arc<Mutex<BTreeSet<usize>>>,
    followers: usize,
    login: AbortHandle,
}

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
        let mut key = [0; 32];
        key.copy_from_slice(digest::digest(&digest::SHA256, &text).as_ref());
        Ok(Self(key))
    }
}

impl<T> Default for SharedLogins<T> {
    fn default() -> Self {
        Self {
            pending: Arc::default(),
        }
    }
}

impl<T> SharedLogins<T> {
    /// Is none under way?
    pub(in crate::accounts) fn is_empty(&self) -> bool {
        self.pending.lock().is_empty()
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
        begin: impl FnOnce(mpsc::Sender<Event>) -> F,
    ) -> Result<T, Interrupted>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let mut following = {
            let mut pending = self.pending.lock();
            // in this order: a login is off the list only when its account can be used
            let joined = match pending.entry(key) {
                Entry::Occupied(joined) => joined.into_mut(),
                Entry::Vacant(free) => match shortcut() {
                    Some(outcome) => return Ok(outcome),
                    None => free.insert(self.begin(key, begin)),
                },
            };
            joined.followers += 1;
            Following {
                key,
                pending: self.pending.clone(),
                progress: joined.progress.clone(),
                opened: joined.opened.clone(),
            }
        };
        let mut seen = 0;
        loop {
            let (news, outcome) = {
                let progress = following.progress.borrow_and_update();
                (progress.events[seen..].to_vec(), progress.outcome.clone())
            };
            for mut event in news {
                if let Event::OpenBrowser { opened, .. } = &mut event {
                    let mut windows = following.opened.lock();
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
            following
                .progress
                .changed()
                .await
                .map_err(|_| Interrupted)?;
        }
    }

    fn begin<F>(&self, key: LoginKey, begin: impl FnOnce(mpsc::Sender<Event>) -> F) -> Pending<T>
    where
        F: Future<Output = T> + Send + 'static,
    {
        let (progress, followed) = watch::channel(Progress {
            events: Vec::new(),
            outcome: None,
        });
        let (events, mut news) = mpsc::channel(16);
        let login = begin(events);
        let pending = self.pending.clone();
        let receiver = followed.clone();
        let task = tokio::spawn(async move {
            tokio::pin!(login);
            let tell = |event| progress.send_modify(|progress| progress.events.push(event));
            let outcome = loop {
                tokio::select! {
                    biased;
                    Some(event) = news.recv() => tell(event),
                    outcome = &mut login => break outcome,
                }
            };
            while let Ok(event) = news.try_recv() {
                tell(event);
            }
            let mut pending = pending.lock();
            if pending.get(&key).is_some_and(|one| one.is(&receiver)) {
                pending.remove(&key);
            }
            drop(pending);
            progress.send_modify(|progress| progress.outcome = Some(outcome));
        });
        Pending {
            progress: followed,
            opened: Arc::default(),
            followers: 0,
            login: task.abort_handle(),
        }
    }
}

impl<T> Pending<T> {
    fn is(&self, progress: &watch::Receiver<Progress<T>>) -> bool {
        self.progress.same_channel(progress)
    }
}

/// One that takes part.
struct Following<T> {
    key: LoginKey,
    pending: Arc<Mutex<HashMap<LoginKey, Pending<T>>>>,
    progress: watch::Receiver<Progress<T>>,
    opened: Arc<Mutex<BTreeSet<usize>>>,
}

impl<T> Drop for Following<T> {
    fn drop(&mut self) {
        let mut pending = self.pending.lock();
        let Some(left) = pending.get_mut(&self.key) else {
            return;
        };
        if !left.is(&self.progress) {
            return;
        }
        left.followers -= 1;
        if left.followers == 0 {
            left.login.abort();
            pending.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    type Logins = Arc<SharedLogins<u32>>;

    fn open() -> Event {
        Event::OpenBrowser {
            url: "https://x".to_owned(),
            opened: false,
        }
    }

    /// Takes part; the events come on the channel. A login that it begins opens a window, then
    /// ends with what `end` gives.
    fn join(
        logins: &Logins,
        key: u8,
        opens_browser: bool,
        begun: &Arc<AtomicUsize>,
        end: impl Future<Output = u32> + Send + 'static,
    ) -> (tokio::task::JoinHandle<Option<u32>>, mpsc::Receiver<Event>) {
        let (logins, begun) = (logins.clone(), begun.clone());
        let (events, received) = mpsc::channel(16);
        let joined = tokio::spawn(async move {
            let begin = |events: mpsc::Sender<Event>| async move {
                begun.fetch_add(1, Ordering::SeqCst);
                events.send(open()).await.ok();
                end.await
            };
            let key = LoginKey([key; 32]);
            let joined = logins.join(key, opens_browser, &events, || None, begin);
            joined.await.ok()
        });
        (joined, received)
    }

    async fn opened(events: &mut mpsc::Receiver<Event>) -> bool {
        match events.recv().await {
            Some(Event::OpenBrowser { opened, .. }) => opened,
            _ => panic!("another event"),
        }
    }

    #[tokio::test]
    async fn many_share_one_login_and_one_window() {
        let logins = Logins::default();
        let begun = Arc::new(AtomicUsize::new(0));
        let (end, ended) = watch::channel(false);
        let mut all = Vec::new();
        for number in 0..20 {
            let mut ended = ended.clone();
            let end = async move {
                ended.wait_for(|ended| *ended).await.ok();
                number
            };
            // the first does not open browsers
            all.push(join(&logins, 1, number > 0, &begun, end));
        }
        let mut windows = 0;
        for (number, (_, events)) in all.iter_mut().enumerate() {
            let opens = !opened(events).await;
            windows += usize::from(opens && number > 0);
        }
        assert_eq!(windows, 1, "the first only shows the address");
        end.send(true).unwrap();
        let mut outcomes = BTreeSet::new();
        for (joined, _) in all {
            outcomes.insert(joined.await.unwrap().unwrap());
        }
        assert_eq!(outcomes.len(), 1, "all get the one result");
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        assert!(logins.pending.lock().is_empty());
    }

    #[tokio::test]
    async fn it_is_cancelled_when_the_last_has_gone_and_not_before() {
        let logins = Logins::default();
        let begun = Arc::new(AtomicUsize::new(0));
        let (alive, cancelled) = oneshot::channel::<()>();
        let end = async move {
            let _alive = alive;
            std::future::pending().await
        };
        let (first, mut first_events) = join(&logins, 1, true, &begun, end);
        opened(&mut first_events).await;
        let (second, mut second_events) = join(&logins, 1, true, &begun, async { 0 });
        assert!(opened(&mut second_events).await, "told from the start");
        first.abort();
        assert!(first.await.unwrap_err().is_cancelled());
        assert_eq!(logins.pending.lock()[&LoginKey([1; 32])].followers, 1);
        second.abort();
        assert!(cancelled.await.is_err(), "dropped");
        assert!(logins.pending.lock().is_empty());
        // the next begins anew
        let (third, _events) = join(&logins, 1, true, &begun, async { 3 });
        assert_eq!(third.await.unwrap(), Some(3));
        assert_eq!(begun.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_login_that_panics_leaves_nothing_behind() {
        let logins = Logins::default();
        let begun = Arc::new(AtomicUsize::new(0));
        let (joined, _events) = join(&logins, 1, true, &begun, async { panic!("on purpose") });
        assert_eq!(joined.await.unwrap(), None);
        assert!(logins.pending.lock().is_empty());
    }
}
