//! Waiting for a time of day. A sleep on the monotonic clock would be late after the machine has
//! slept or its clock was set, and one in short slices would wake an idle process all day.

use std::time::Duration;

use opkssh_protocol::time::UnixTime;

use crate::accounts::clock::Clock;

/// Where the system has no timer on the wall clock, a jump of it is noticed this late.
const SLICE: Duration = Duration::from_secs(5 * 60);

pub struct Alarm {
    clock: Clock,
    #[cfg(target_os = "linux")]
    timer: Option<linux::Timer>,
}

impl Alarm {
    /// Belongs to the runtime it is made in.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            #[cfg(target_os = "linux")]
            timer: linux::Timer::new()
                .inspect_err(|error| tracing::warn!("no timer on the wall clock: {error}"))
                .ok(),
        }
    }

    /// Ends when it is `at`, and before that whenever the clock was set or the machine has slept:
    /// the caller then plans anew. Without a time it never ends.
    pub async fn wait(&self, at: Option<UnixTime>) {
        let Some(at) = at else {
            return std::future::pending().await;
        };
        let left = u64::try_from(at.since(self.clock.now())).unwrap_or(0);
        if left == 0 {
            return;
        }
        #[cfg(test)]
        if let Some(simulated) = self.clock.simulated_wait(at) {
            return simulated.await;
        }
        #[cfg(target_os = "linux")]
        if let Some(timer) = &self.timer
            && timer.wait(at).await.is_ok()
        {
            return;
        }
        tokio::time::sleep(Duration::from_secs(left).min(SLICE)).await;
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io;
    use std::os::fd::OwnedFd;

    use opkssh_protocol::time::UnixTime;
    use rustix::io::Errno;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// timerfd_create(2) on the wall clock: costs nothing while it waits, and is ready as soon as
    /// the machine is awake again.
    pub struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        pub fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
            #[expect(
                deprecated,
                reason = "unsound for what may change its descriptor, which an OwnedFd never does; \
                          what replaces it is unsafe to call"
            )]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Self(timer))
        }

        pub async fn wait(&self, at: UnixTime) -> io::Result<()> {
            let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
            let once = |tv_sec| Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec { tv_sec, tv_nsec: 0 },
            };
            match timerfd_settime(self.0.get_ref(), flags, &once(at.0)) {
                // the clock was set since the timer was last read; it is armed all the same
                Ok(_) | Err(Errno::CANCELED) => {}
                Err(error) => return Err(error.into()),
            }
            loop {
                let mut ready = self.0.readable().await?;
                let mut expirations = [0; 8];
                let read = |timer: &AsyncFd<OwnedFd>| {
                    Ok(rustix::io::read(timer.get_ref(), &mut expirations)?)
                };
                match ready.try_io(read) {
                    Ok(Ok(_)) => return Ok(()),
                    // the clock was set
                    Ok(Err(error))
                        if error.raw_os_error() == Some(Errno::CANCELED.raw_os_error()) =>
                    {
                        return Ok(());
                    }
                    Ok(Err(error)) => return Err(error),
                    // it was ready for an earlier time, which nobody waits for any more
                    Err(_would_block) => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
