//! Machines through which the person lets an account be used without further questions ("Always
//! through this jump host"), by their host keys. They outlive the agent, and end with a logout.

use std::collections::BTreeSet;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use opkssh_files::{Writer, open_regular};
use opkssh_protocol::control::JumpHost;
use opkssh_protocol::time::UnixTime;
use parking_lot::Mutex;
use tokio::sync::watch;

use super::KeyUse;
use super::question::Machine;
use crate::notices::Notices;

/// Largest file, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

pub struct JumpHosts {
    /// `None`: they end with the agent.
    file: Option<PathBuf>,
    pub accounts: watch::Receiver<BTreeSet<String>>,
    hosts: Mutex<Vec<JumpHost>>,
    /// Held while the file is written, so that the latest state is written last.
    writing: tokio::sync::Mutex<()>,
    notices: Arc<Notices>,
}

impl JumpHosts {
    /// Reads the file. One that cannot be read permits nothing. `accounts` has the names of those
    /// that there are.
    pub fn read(
        file: Option<PathBuf>,
        accounts: watch::Receiver<BTreeSet<String>>,
        notices: Arc<Notices>,
    ) -> Self {
        let hosts = file.as_deref().map_or(Ok(Vec::new()), read);
        if let Err(error) = &hosts {
            notices.warn(&format!("jump hosts not read, none is trusted: {error}"));
        }
        Self {
            file,
            accounts,
            hosts: Mutex::new(hosts.unwrap_or_default()),
            writing: tokio::sync::Mutex::default(),
            notices,
        }
    }

    /// Returns true if the account may be used through the machine with this host key. `person` is
    /// issuer and subject of its login.
    pub fn is_permitted(&self, account: &str, person: &str, host_key: &str) -> bool {
        let hosts = self.hosts.lock();
        let mut hosts = hosts.iter().filter(|host| host.host_key == host_key);
        hosts.any(|host| host.account == account && host.person == person)
    }

    /// Returns all of them.
    pub fn all(&self) -> Vec<JumpHost> {
        self.hosts.lock().clone()
    }

    /// Adds machines for the account of a use, unless it was logged out meanwhile. What cannot be
    /// written counts until the agent ends.
    pub async fn add(&self, used: &KeyUse, machines: &[Machine]) {
        let account = &used.identity;
        {
            let mut hosts = self.hosts.lock();
            if !self.accounts.borrow().contains(account) {
                return;
            }
            for machine in machines {
                hosts.retain(|host| host.account != *account || host.host_key != machine.host_key);
                hosts.push(machine.jump_host(used));
            }
        }
        self.try_write().await;
    }

    /// Writes the file, or says that it could not be written.
    pub async fn try_write(&self) {
        if let Err(error) = self.write().await {
            self.notices
                .warn(&format!("jump hosts not stored: {error}"));
        }
    }

    /// Removes the machines that are meant, and returns them. They are in the file until the next
    /// [`write`](Self::write).
    pub fn remove(&self, is_meant: impl Fn(&JumpHost) -> bool) -> Vec<JumpHost> {
        let mut hosts = self.hosts.lock();
        hosts.extract_if(.., |host| is_meant(host)).collect()
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

fn read(file: &Path) -> io::Result<Vec<JumpHost>> {
    match open_regular(file) {
        Ok(file) => Ok(serde_json::from_reader(file.take(MAX_FILE))?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

impl Machine {
    /// Returns the permission to use an account through this machine, from now on.
    pub fn jump_host(&self, used: &KeyUse) -> JumpHost {
        JumpHost {
            account: used.identity.clone(),
            person: used.person.clone(),
            host_key: self.host_key.clone(),
            name: self.name.clone(),
            since: UnixTime::from(SystemTime::now()),
            until: None,
        }
    }
}
