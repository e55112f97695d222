//! Machines through which the person lets an account be used without further questions ("Always
//! through this jump host"), by their host keys. They outlive the agent, and end with a logout.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use opkssh_files::Writer;
use opkssh_protocol::control::JumpHost;
use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::question::Machine;
use crate::notices::Notices;

pub struct JumpHosts {
    /// `None`: they end with the agent.
    file: Option<PathBuf>,
    hosts: Mutex<Vec<JumpHost>>,
    /// Held while the file is written, so that the latest state is written last.
    writing: tokio::sync::Mutex<()>,
    notices: Arc<Notices>,
}

impl JumpHosts {
    /// Reads the file. One that cannot be read permits nothing.
    pub fn read(file: Option<PathBuf>, notices: Arc<Notices>) -> Self {
        let read = |file: &PathBuf| match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        };
        let hosts = file.as_ref().map_or(Ok(Vec::new()), read);
        if let Err(error) = &hosts {
            notices.warn(&format!("jump hosts not read, none is trusted: {error}"));
        }
        Self {
            file,
            hosts: Mutex::new(hosts.unwrap_or_default()),
            writing: tokio::sync::Mutex::default(),
            notices,
        }
    }

    /// Returns true if the account may be used through the machine with this host key.
    pub fn permit(&self, account: &str, host_key: &str) -> bool {
        let hosts = self.hosts.lock();
        let mut hosts = hosts.iter();
        hosts.any(|host| host.account == account && host.host_key == host_key)
    }

    /// Returns those of an account.
    pub fn of(&self, account: &str) -> Vec<JumpHost> {
        let hosts = self.hosts.lock();
        let hosts = hosts.iter().filter(|host| host.account == account);
        hosts.cloned().collect()
    }

    /// Adds machines. What cannot be written counts until the agent ends.
    pub async fn add(&self, account: &str, machines: &[Machine]) {
        let since = UnixTime::from(std::time::SystemTime::now());
        {
            let mut hosts = self.hosts.lock();
            for machine in machines {
                hosts.retain(|host| host.account != account || host.host_key != machine.host_key);
                hosts.push(JumpHost {
                    account: account.to_owned(),
                    host_key: machine.host_key.clone(),
                    name: machine.name.clone(),
                    since,
                });
            }
        }
        if let Err(error) = self.write().await {
            self.notices.warn(&format!("jump host not stored: {error}"));
        }
    }

    /// Removes the machines that are meant, and returns them. They are in the file until the next
    /// [`write`](Self::write).
    pub fn remove(&self, is_meant: impl Fn(&JumpHost) -> bool) -> Vec<JumpHost> {
        let mut hosts = self.hosts.lock();
        hosts.extract_if(.., |host| is_meant(host)).collect()
    }

    /// Forgets those of accounts that are no more. `accounts` has the names of those that are, for
    /// as long as the daemon runs.
    pub async fn follow(&self, mut accounts: watch::Receiver<BTreeSet<String>>) {
        loop {
            let names = accounts.borrow_and_update().clone();
            let removed = self.remove(|host| !names.contains(&host.account));
            if !removed.is_empty()
                && let Err(error) = self.write().await
            {
                self.notices
                    .warn(&format!("jump hosts not removed: {error}"));
            }
            if accounts.changed().await.is_err() {
                return;
            }
        }
    }

    /// Writes the file.
    pub async fn write(&self) -> Result<(), io::Error> {
        let Some(file) = self.file.clone() else {
            return Ok(());
        };
        let _writing = self.writing.lock().await;
        let text = serde_json::to_vec_pretty(&*self.hosts.lock())?;
        let written = tokio::task::spawn_blocking(move || Writer::private().replace(&file, &text));
        written.await.map_err(io::Error::other)?
    }
}
