//! Waiting for the end of a process that is no child of ours.

use opkssh_protocol::process::{Process, ProcessStat};

/// Returns when `process` has ended.
pub async fn process_end(process: Process) {
    #[cfg(target_os = "linux")]
    if let Some(pidfd) = linux::Pidfd::open(process) {
        // not even a process with the same number may take its place now
        if is_running(process) {
            pidfd.ended().await;
        }
        return;
    }
    poll(process).await;
}

/// Looks every second, where the system has nothing better.
async fn poll(process: Process) {
    while is_running(process) {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

fn is_running(process: Process) -> bool {
    let text = std::fs::read(format!("/proc/{}/stat", process.pid));
    match text.map(|text| ProcessStat::parse(&String::from_utf8_lossy(&text))) {
        Ok(stat) => stat.is_some_and(|stat| stat.start_time == process.start_time),
        // without /proc, its number is all that is known
        Err(_) => i32::try_from(process.pid)
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::os::fd::OwnedFd;

    use opkssh_protocol::process::Process;
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// pidfd_open(2): costs nothing while it waits.
    pub struct Pidfd(AsyncFd<OwnedFd>);

    impl Pidfd {
        pub fn open(process: Process) -> Option<Self> {
            let pid = Pid::from_raw(i32::try_from(process.pid).ok()?)?;
            let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).ok()?;
            #[expect(
                deprecated,
                reason = "unsound for what may change its descriptor, which an OwnedFd never does; \
                          what replaces it is unsafe to call"
            )]
            let pidfd = AsyncFd::with_interest(pidfd, Interest::READABLE);
            pidfd.ok().map(Self)
        }

        /// Returns when the process has ended.
        pub async fn ended(&self) {
            let _ = self.0.readable().await;
        }
    }
}

#[cfg(test)]
mod tests;
