//! The thread that talks to the keyring, and the deadline we give it.

use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use opkssh_protocol::secret::Secret;
use tokio::sync::oneshot;

use super::StoreError;
use super::secret_service::SecretService;

/// How long a caller waits. The call itself may go on: a person may be at its prompt.
const DEADLINE: Duration = Duration::from_secs(10);

/// A thread that is started with the first call. One that hangs is left to itself, and the next
/// call starts another.
#[derive(Default)]
pub struct StoreThread {
    jobs: Mutex<Option<Sender<Job>>>,
}

type Job = Box<dyn FnOnce(&mut Option<SecretService>) + Send>;

impl StoreThread {
    /// Is there a keyring that answers? It is asked for an entry that does not exist.
    pub async fn probe(&self) -> Result<(), StoreError> {
        self.call(|service| service.load("probe").map(|_| ())).await
    }

    pub async fn save(&self, id: &str, secret: Secret) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.call(move |service| service.save(&id, &secret)).await
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
        let (answer, answered) = oneshot::channel();
        self.hand_over(Box::new(move |connection| {
            let result = connected(connection).and_then(ask);
            if result.is_err() {
                // the bus or the service may be another one next time
                *connection = None;
            }
            let _ = answer.send(result);
        }))?;
        match tokio::time::timeout(DEADLINE, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                self.forget();
                Err(StoreError::Unavailable("its thread ended".to_owned()))
            }
            Err(_) => {
                self.forget();
                Err(StoreError::TimedOut)
            }
        }
    }

    fn hand_over(&self, job: Job) -> Result<(), StoreError> {
        let mut jobs = self
            .jobs
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let job = match jobs.as_ref() {
            Some(sender) => match sender.send(job) {
                Ok(()) => return Ok(()),
                Err(mpsc::SendError(job)) => job,
            },
            None => job,
        };
        let (sender, receiver) = mpsc::channel();
        std::thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || work(&receiver))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let _ = sender.send(job);
        *jobs = Some(sender);
        Ok(())
    }

    fn forget(&self) {
        *self
            .jobs
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner()) = None;
    }
}

fn work(jobs: &Receiver<Job>) {
    let mut connection = None;
    while let Ok(job) = jobs.recv() {
        job(&mut connection);
    }
}

fn connected(connection: &mut Option<SecretService>) -> Result<&SecretService, StoreError> {
    if connection.is_none() {
        *connection = Some(SecretService::connect()?);
    }
    connection
        .as_ref()
        .ok_or_else(|| StoreError::Unavailable("no connection".to_owned()))
}
