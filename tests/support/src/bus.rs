//! Private D-Buses.

use std::fs;

use crate::Home;
use crate::run::Running;

/// Starts a bus and sets `DBUS_SESSION_BUS_ADDRESS` in `home`. Nothing can be started through it:
/// what is not there stays away.
pub(crate) fn start_bus(home: &Home) -> Running {
    start(home, "bus", "DBUS_SESSION_BUS_ADDRESS")
}

/// Likewise `DBUS_SYSTEM_BUS_ADDRESS`.
pub(crate) fn start_system_bus(home: &Home) -> Running {
    start(home, "system-bus", "DBUS_SYSTEM_BUS_ADDRESS")
}

fn start(home: &Home, name: &str, variable: &str) -> Running {
    let socket = home.runtime_dir().join(name);
    let config = home.beside(&format!("{name}.conf"));
    fs::write(
        &config,
        format!(
            "<busconfig><type>session</type><listen>unix:path={}</listen>\
             <policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/>\
             <allow eavesdrop=\"true\"/><allow own=\"*\"/></policy></busconfig>",
            socket.display()
        ),
    )
    .expect("the bus configuration");
    let mut bus = home
        .command("dbus-daemon")
        .arg(format!("--config-file={}", config.display()))
        .args(["--nofork", "--nopidfile", "--nosyslog", "--print-address=1"])
        .start();
    bus.wait_for("unix:path=");
    home.set(variable, format!("unix:path={}", socket.display()));
    bus
}
