//! How the agent ends, forgets, is replaced and writes its log, besides its commands.

mod idle_stop;
mod lifetime;
mod log;
mod profile;
mod signals;
mod stop;
mod trace;
mod upgrade;

use opkssh_test_support::Home;

use crate::setup::daemon_pid;

/// Sends the daemon a signal, such as `-HUP`.
fn signal(home: &Home, signal: &str) {
    let pid = daemon_pid(home).to_string();
    home.command("kill").args([signal, &pid]).run().stdout();
}
