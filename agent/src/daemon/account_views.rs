//! The sockets of `opkssh run --account`: each serves one account, while one process runs.

use std::path::PathBuf;
use std::sync::Arc;

use opkssh_protocol::places::Places;
use opkssh_protocol::process::Process;
use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::instance::InstanceError;
use super::listening::BoundSocket;
use super::process_end::process_end;
use super::sockets::{Counted, Socket, Usage, accept};
use crate::accounts::{Alarm, Clock};
use crate::serving::Serving;

pub struct AccountViews {
    pub places: Places,
    pub serving: Arc<Serving>,
    pub usage: Arc<Usage>,
    pub open: Mutex<JoinSet<()>>,
}

impl AccountViews {
    /// Serves `account` on `socket` until `process` has ended or `lifetime`, in seconds, is over.
    pub fn open(
        &self,
        account: String,
        socket: PathBuf,
        process: Process,
        lifetime: Option<u64>,
    ) -> Result<(), InstanceError> {
        let (bound, listener) = BoundSocket::bind(socket, &self.places)?;
        let notices = self.serving.notices.clone();
        let serving = Arc::new(self.serving.view(account));
        // dropped at the end: that ends the connections, too
        let (open, ended) = watch::channel(());
        let serve = move |stream| {
            let (served, mut ended) = (serving.clone().serve(stream), ended.clone());
            async move {
                tokio::select! {
                    served = served => served,
                    _ = ended.changed() => Ok(()),
                }
            }
        };
        // an agent that serves it is not idle
        let (usage, counted) = (self.usage.clone(), Counted::new(&self.usage));
        let mut all = self.open.lock();
        while all.try_join_next().is_some() {}
        all.spawn(async move {
            let _kept = (bound, open, counted);
            tokio::select! {
                () = accept(Socket::Agent, listener, usage, notices, serve) => {}
                () = process_end(process) => {}
                () = time_over(lifetime) => {}
            }
        });
        Ok(())
    }

    /// Ends every view. Their sockets are gone when this returns.
    pub async fn close(&self) {
        let mut all = std::mem::take(&mut *self.open.lock());
        all.shutdown().await;
    }
}

async fn time_over(lifetime: Option<u64>) {
    let Some(lifetime) = lifetime.and_then(|limit| i64::try_from(limit).ok()) else {
        return std::future::pending().await;
    };
    let clock = Clock::system();
    let alarm = Alarm::new(clock.clone());
    let end = UnixTime(clock.now().0.saturating_add(lifetime));
    while clock.now() < end {
        alarm.wait(Some(end)).await;
    }
}
