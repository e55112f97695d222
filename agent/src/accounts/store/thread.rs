//! The thread that talks to the keyring, and the deadline we give it.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::oneshot;

use super::error::StoreError;

/// How long a caller waits. The call itself may go on: a person may be at its prompt.
const DEADLINE: Duration = Duration::from_secs(10);
/// An unused connection goes after this: it has a thread and buffers of its own.
const IDLE: Duration = Duration::from_secs(10);

/// A thread that is started with the first call. There is never a second one: writes reach the
/// keyring in their order, however long one of them hangs. A call that nobody waits for any more
/// when its turn comes is not made.
pub struct StoreThread<C> {
    connect: fn() -> Result<C, StoreError>,
    jobs: Mutex<Option<Sender<Slot<C>>>>,
}

type Job<C> = Box<dyn FnOnce(&mut Option<C>) + Send>;

/// A job until it begins. Whoever waited for it takes it out again when they give up, and with it
/// the secret that it would have written: while the keyring hangs, none lies about in a queue.
type Slot<C> = Arc<Mutex<Option<Job<C>>>>;

/// The waiting for a job, whichever way it ends.
struct Waiting<C>(Slot<C>);

impl<C> Drop for Waiting<C> {
    fn drop(&mut self) {
        take(&self.0);
    }
}

impl<C: 'static> StoreThread<C> {
    /// Returns a thread that is not started yet. `connect` makes a connection to the keyring.
    pub fn new(connect: fn() -> Result<C, StoreError>) -> Self {
        Self {
            connect,
            jobs: Mutex::new(None),
        }
    }

    pub async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&C) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_or(DEADLINE, ask, |_, _| ()).await
    }

    /// `late` gets the result of a call that nobody waits for any more.
    pub async fn call_or<T: Send + 'static>(
        &self,
        deadline: Duration,
        ask: impl FnOnce(&C) -> Result<T, StoreError> + Send + 'static,
        late: impl FnOnce(&C, T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        let connect = self.connect;
        let _waiting = self.hand_over(Box::new(move |connection| {
            let result = connected(connection, connect).and_then(ask);
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

    fn hand_over(&self, job: Job<C>) -> Result<Waiting<C>, StoreError> {
        let slot: Slot<C> = Arc::new(Mutex::new(Some(job)));
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

fn work<C>(jobs: &Receiver<Slot<C>>) {
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

fn take<C>(slot: &Slot<C>) -> Option<Job<C>> {
    slot.lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
        .take()
}

fn connected<C>(
    connection: &mut Option<C>,
    connect: fn() -> Result<C, StoreError>,
) -> Result<&C, StoreError> {
    let made = match connection.take() {
        Some(made) => made,
        None => connect()?,
    };
    Ok(connection.insert(made))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_write_that_is_given_up_before_it_begins_keeps_no_secret_and_is_not_made() {
        let thread = StoreThread::new(|| Ok(()));
        let (go_on, hang) = mpsc::channel::<()>();
        let _hanging = thread.hand_over(Box::new(move |_| {
            let _ = hang.recv();
        }));
        let secret = Arc::new(());
        let held = Arc::downgrade(&secret);
        let write = move |_: &()| {
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
        let write = move |_: &()| {
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
