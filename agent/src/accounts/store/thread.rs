//! The thread that talks to the keyring, and the deadline we give it.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opkssh_protocol::secret::Secret;
use tokio::sync::oneshot;

use super::StoreError;
use super::secret_service::SecretService;

/// How long a caller waits. The call itself may go on: a person may be at its prompt.
const DEADLINE: Duration = Duration::from_secs(10);
/// As long where a person has just logged in, and may have to type the keyring's password.
const LOGIN_DEADLINE: Duration = Duration::from_secs(30);

/// An unused connection goes after this: it has a thread and buffers of its own.
const IDLE: Duration = Duration::from_secs(10);

/// A thread that is started with the first call. There is never a second one: writes reach the
/// keyring in their order, however long one of them hangs. A call that nobody waits for any more
/// when its turn comes is not made.
#[derive(Default)]
pub struct StoreThread {
    jobs: Mutex<Option<Sender<Slot>>>,
}

type Job = Box<dyn FnOnce(&mut Option<SecretService>) + Send>;

/// A job until it begins. Whoever waited for it takes it out again when they give up, and with it
/// the secret that it would have written: while the keyring hangs, none lies about in a queue.
type Slot = Arc<Mutex<Option<Job>>>;

/// The waiting for a job, whichever way it ends.
struct Waiting(Slot);

impl Drop for Waiting {
    fn drop(&mut self) {
        take(&self.0);
    }
}

impl StoreThread {
    /// Is there a keyring that answers?
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.call(SecretService::probe).await
    }

    pub async fn save(&self, id: &str, secret: Secret) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.call(move |service| service.save(&id, &secret)).await
    }

    /// As [`save`](Self::save), but once the caller was told that it failed, the entry is put back
    /// as it was: a write that hangs may well arrive when nobody counts on it any more.
    pub async fn save_in_time(&self, id: &str, secret: Secret) -> Result<(), StoreError> {
        let id = id.to_owned();
        let write = {
            let (id, secret) = (id.clone(), secret.clone());
            move |service: &SecretService| {
                let earlier = service.load(&id)?;
                service.save(&id, &secret)?;
                Ok(earlier)
            }
        };
        let put_back = move |service: &SecretService, earlier: Option<Secret>| {
            // unless somebody else has written since
            let undone = match service.load(&id) {
                Ok(Some(current)) if current.expose() == secret.expose() => match earlier {
                    Some(earlier) => service.save(&id, &earlier),
                    None => service.delete(&id),
                },
                Ok(_) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = undone {
                tracing::warn!(account = id, "a late write could not be undone: {error}");
            }
        };
        self.call_or(LOGIN_DEADLINE, write, put_back)
            .await
            .map(|_| ())
    }

    pub async fn load(&self, id: &str) -> Result<Option<Secret>, StoreError> {
        let id = id.to_owned();
        self.call(move |service| service.load(&id)).await
    }

    pub async fn delete(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.call(move |service| service.delete(&id)).await
    }

    async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&SecretService) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_or(DEADLINE, ask, |_, _| ()).await
    }

    /// `late` gets the result of a call that nobody waits for any more.
    async fn call_or<T: Send + 'static>(
        &self,
        deadline: Duration,
        ask: impl FnOnce(&SecretService) -> Result<T, StoreError> + Send + 'static,
        late: impl FnOnce(&SecretService, T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let _waiting = self.hand_over(Box::new(move |connection| {
            let result = connected(connection).and_then(ask);
            if result.is_err() {
                // the bus or the service may be another one next time
                *connection = None;
            }
            if let (Err(Ok(result)), Some(service)) = (answer.send(result), connection.as_ref()) {
                late(service, result);
            }
        }))?;
        match tokio::time::timeout(deadline, answered).await {
            Ok(Ok(result)) => result,
            // the thread has panicked; the next call starts another
            Ok(Err(_)) => Err(StoreError::Unavailable("its thread ended".to_owned())),
            Err(_) => Err(StoreError::TimedOut),
        }
    }

    fn hand_over(&self, job: Job) -> Result<Waiting, StoreError> {
        let slot: Slot = Arc::new(Mutex::new(Some(job)));
        let waiting = Waiting(slot.clone());
        let mut jobs = self
            .jobs
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let slot = match jobs.as_ref() {
            Some(sender) => match sender.send(slot) {
                Ok(()) => return Ok(waiting),
                Err(mpsc::SendError(slot)) => slot,
            },
            None => slot,
        };
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || work(&receiver))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let _ = sender.send(slot);
        *jobs = Some(sender);
        Ok(waiting)
    }
}

fn work(jobs: &Receiver<Slot>) {
    let mut connection = None;
    loop {
        let next = match connection {
            Some(_) => jobs.recv_timeout(IDLE),
            None => jobs.recv().map_err(RecvTimeoutError::from),
        };
        match next {
            Ok(slot) => {
                if let Some(job) = take(&slot) {
                    job(&mut connection);
                }
            }
            Err(RecvTimeoutError::Timeout) => connection = None,
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn take(slot: &Slot) -> Option<Job> {
    slot.lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .take()
}

fn connected(connection: &mut Option<SecretService>) -> Result<&SecretService, StoreError> {
    if connection.is_none() {
        *connection = Some(SecretService::connect()?);
    }
    connection
        .as_ref()
        .ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_that_is_given_up_before_it_begins_keeps_no_secret_and_is_not_made() {
        let thread = StoreThread::default();
        let (go_on, hang) = mpsc::channel::<()>();
        let _hanging = thread.hand_over(Box::new(move |_| {
            let _ = hang.recv();
        }));
        let secret = Arc::new(());
        let held = Arc::downgrade(&secret);
        let write = move |_: &SecretService| {
            drop(secret);
            panic!("it was made");
        };
        let soon = Duration::from_millis(1);
        let given_up: Result<(), _> = thread.call_or(soon, write, |_, ()| ()).await;
        assert!(matches!(given_up, Err(StoreError::TimedOut)));
        assert!(held.upgrade().is_none(), "it waits in the queue");

        // so is one that is abandoned, and the next is made
        let secret = Arc::new(());
        let held = Arc::downgrade(&secret);
        let write = move |_: &SecretService| {
            drop(secret);
            Ok(())
        };
        let mut abandoned = Box::pin(thread.call(write));
        tokio::select! {
            biased;
            _ = &mut abandoned => panic!("the keyring hangs"),
            () = std::future::ready(()) => {}
        }
        drop(abandoned);
        assert!(held.upgrade().is_none(), "it waits in the queue");
        let (done, made) = oneshot::channel();
        let _waiting = thread.hand_over(Box::new(move |_| {
            let _ = done.send(());
        }));
        drop(go_on);
        made.await.unwrap();
    }
}
