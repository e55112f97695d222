//! The wall clock of the accounts wing: nothing else in it reads the time of day. (Patience within
//! the process, such as a deadline for an answer, is measured by the monotonic clock.)

use opkssh_protocol::time::UnixTime;

/// Clones show the same time.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    #[cfg(test)]
    Simulated(std::sync::Arc<std::sync::atomic::AtomicI64>),
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
            Source::Simulated(time) => UnixTime(time.load(std::sync::atomic::Ordering::SeqCst)),
        }
    }
}

#[cfg(test)]
impl Clock {
    /// Stands still until it is set.
    pub fn simulated(start: UnixTime) -> Self {
        let time = std::sync::atomic::AtomicI64::new(start.0);
        Self(Source::Simulated(std::sync::Arc::new(time)))
    }

    pub fn set(&self, to: UnixTime) {
        if let Source::Simulated(time) = &self.0 {
            time.store(to.0, std::sync::atomic::Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_of_a_simulated_clock_show_the_same_time() {
        let clock = Clock::simulated(UnixTime(1));
        let clone = clock.clone();
        clock.set(UnixTime(2));
        assert_eq!(clone.now(), UnixTime(2));
    }
}
