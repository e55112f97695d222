//! The wall clock of the accounts wing: nothing else in it reads the time of day. (Timeouts
//! within the process are measured by the monotonic clock.)

use opkssh_protocol::time::UnixTime;

/// Clones show the same time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    #[cfg(test)]
    Simulated(tokio::sync::watch::Sender<UnixTime>),
}

impl Clock {
    /// The machine's clock, which may be set, forwards and backwards.
    pub fn system() -> Self {
        Self(Source::System)
    }

    pub fn now(&self) -> UnixTime {
        match &self.0 {
            Source::System => std::time::SystemTime::now().into(),
            #[cfg(test)]
            Source::Simulated(time) => *time.borrow(),
        }
    }
}

#[cfg(test)]
impl Clock {
    /// Stands still until it is set.
    pub fn simulated(start: UnixTime) -> Self {
        Self(Source::Simulated(tokio::sync::watch::Sender::new(start)))
    }

    pub fn set(&self, to: UnixTime) {
        if let Source::Simulated(time) = &self.0 {
            time.send_replace(to);
        }
    }

    /// Ends when a simulated clock shows `at`, or was set back; `None`: it is the machine's.
    pub fn simulated_wait(&self, at: UnixTime) -> Option<impl Future<Output = ()> + use<>> {
        let Source::Simulated(time) = &self.0 else {
            return None;
        };
        let (mut time, start) = (time.subscribe(), *time.borrow());
        Some(async move {
            let _ = time.wait_for(|now| *now >= at || *now < start).await;
        })
    }
}

#[cfg(test)]
mod tests;
