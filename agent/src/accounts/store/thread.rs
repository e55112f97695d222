//! The thread that talks to the keyring, and the time limits of a call.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

use super::error::StoreError;

/// How long a caller waits for its turn. A call that has not begun by then is never made.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a caller waits once its call has begun. The call itself may go on: a person may be at
/// its prompt.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// An unused connection goes after this: it has a thread and buffers of its own.
const IDLE: Duration = Duration::from_secs(10);

/// A thread that is started with the first call. There is never a second one: writes reach the
/// keyring in their order, however long one of them hangs.
pub struct StoreThread<C> {
    connect: fn() -> Result<C, StoreError>,
    answers_again: Arc<Notify>,
    jobs: Mutex<Option<Sender<Slot<C>>>>,
}

type Job<C> = Box<dyn FnOnce(&mut Option<C>) + Send>;

/// A job until it begins. A caller that gives up takes it out, and with it the secret that it would
/// have written: while the keyring hangs, no secret waits in the queue.
type Slot<C> = Arc<Mutex<Option<Job<C>>>>;

/// Withdraws a job when it is dropped.
struct Waiting<C>(Slot<C>);

impl<C> Waiting<C> {
    /// Returns true if the job had not begun: then it never will.
    fn withdraw(&self) -> bool {
        take(&self.0).is_some()
    }
}

impl<C> Drop for Waiting<C> {
    fn drop(&mut self) {
        self.withdraw();
    }
}

impl<C: 'static> StoreThread<C> {
    /// Returns a thread that is not started yet. `connect` makes a connection to the keyring;
    /// `answers_again` is notified when a call succeeds that was reported as timed out.
    pub fn new(connect: fn() -> Result<C, StoreError>, answers_again: Arc<Notify>) -> Self {
        Self {
            connect,
            answers_again,
            jobs: Mutex::new(None),
        }
    }

    /// Makes one call to the keyring. A call that hangs is left to itself.
    pub async fn call<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&C) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.call_within(TURN_TIMEOUT, CALL_TIMEOUT, ask).await
    }

    async fn call_within<T: Send + 'static>(
        &self,
        turn_timeout: Duration,
        timeout: Duration,
        ask: impl FnOnce(&C) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (begin, begun) = oneshot::channel();
        let (answer, mut answered) = oneshot::channel();
        let (connect, answers_again) = (self.connect, self.answers_again.clone());
        let waiting = self.hand_over(Box::new(move |connection| {
            let _ = begin.send(());
            let result = connected(connection, connect).and_then(ask);
            if result.is_err() {
                // the bus or the service may be another one next time
                *connection = None;
            }
            if let Err(Ok(_)) = answer.send(result) {
                answers_again.notify_one();
            }
        }))?;
        let is_over = tokio::time::timeout(turn_timeout, begun).await.is_err();
        if is_over && waiting.withdraw() {
            return Err(StoreError::Busy);
        }
        let result = match tokio::time::timeout(timeout, &mut answered).await {
            Ok(result) => result,
            Err(_) => {
                answered.close();
                match answered.try_recv() {
                    // it came at the last moment
                    Ok(result) => Ok(result),
                    Err(_) => return Err(StoreError::TimedOut),
                }
            }
        };
        // the thread has panicked; the next call starts another
        result.unwrap_or_else(|_| Err(StoreError::Broken("its thread ended".to_owned())))
    }

    fn hand_over(&self, job: Job<C>) -> Result<Waiting<C>, StoreError> {
        let slot: Slot<C> = Arc::new(Mutex::new(Some(job)));
        let waiting = Waiting(slot.clone());
        let mut jobs = self.jobs.lock();
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
    slot.lock().take()
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
mod tests;
