//! systemd starts the agent: its units, its sockets, and the commands that set that up. No user
//! manager runs in a test, so a recording `systemctl` stands in for it; the units are read by the
//! real systemd, and the sockets are passed by it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use opkssh_test_support::{
    Home, Part, Running, SecretService, left_out, wait_until, write_program,
};

use crate::setup::{OPKSSH, Setup, agent_socket, daemon_log, daemon_pid, status};

/// A `systemctl` that writes down what it is asked, before any other in `PATH`.
struct Systemctl {
    log: PathBuf,
    active: PathBuf,
    gone: PathBuf,
}

impl Systemctl {
    fn stands_in(home: &Home) -> Self {
        let file = |name: &str| home.dir().join("fake").join(name);
        let found = Self {
            log: file("log"),
            active: file("active"),
            gone: file("gone"),
        };
        let script = format!(
            "#!/bin/sh\necho \"$*\" >>{}\n[ ! -e {} ] || exit 1\n\
             case $2 in is-active) exec [ -e {} ] ;; esac\n",
            found.log.display(),
            found.gone.display(),
            found.active.display()
        );
        let program = home.write("fake/systemctl", "");
        write_program(&program, script);
        let path = home.var("PATH").unwrap();
        let directory = program.parent().unwrap().display().to_string();
        home.set("PATH", format!("{directory}:{}", path.display()));
        found
    }

    /// What it was asked to change since the last time.
    fn changes(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let _ = fs::remove_file(&self.log);
        text.lines()
            .filter(|line| !line.contains("is-active") && !line.contains("show-environment"))
            .map(str::to_owned)
            .collect()
    }
}

const ENABLE: [&str; 2] = [
    "--user daemon-reload",
    "--user enable --now opkssh-agent.socket",
];

fn units(home: &Home) -> [PathBuf; 2] {
    ["opkssh-agent.socket", "opkssh-agent.service"]
        .map(|unit| home.dir().join(".config/systemd/user").join(unit))
}

/// The agent, started by the real systemd's own tool for the first who connects.
pub fn activated(home: &Home) -> Running {
    let directory = home.runtime_dir().join("opkssh");
    fs::create_dir_all(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
    let mut run = home.command("systemd-socket-activate");
    for name in [
        "HOME",
        "XDG_RUNTIME_DIR",
        "XDG_STATE_HOME",
        "XDG_CONFIG_HOME",
        "NOTIFY_SOCKET",
        "DBUS_SESSION_BUS_ADDRESS",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ] {
        if home.var(name).is_some() {
            run = run.args(["-E", name]);
        }
    }
    for socket in ["agent.sock", "control.sock"] {
        run = run.arg("-l").arg(directory.join(socket));
    }
    let mut running = run.arg(OPKSSH).args(["agent", "run"]).start();
    running.wait_for("control.sock as 4");
    running
}

fn inode(path: &Path) -> u64 {
    path.symlink_metadata().unwrap().ino()
}

#[test]
fn the_written_units_are_good_for_systemd() {
    let home = Home::new(OPKSSH);
    Systemctl::stands_in(&home);
    home.opkssh(["agent", "install"]).run().stdout();
    let verified = home
        .command("systemd-analyze")
        .args(["verify", "--user", "--man=no"])
        .args(units(&home))
        .run();
    assert!(verified.success(), "{}", verified.stderr());
    assert_eq!(verified.stderr(), "");
    let service = fs::read_to_string(&units(&home)[1]).unwrap();
    let start = format!("\nExecStart=\"{OPKSSH}\" agent run\n");
    assert!(service.contains(&start), "{service}");
}

#[test]
fn install_and_uninstall_can_be_repeated() {
    let home = Home::new(OPKSSH);
    let systemctl = Systemctl::stands_in(&home);
    let install = || home.opkssh(["agent", "install"]).run().stdout();

    let dry = home
        .opkssh(["agent", "install", "--dry-run"])
        .run()
        .stdout();
    assert!(dry.contains("Would write"), "{dry}");
    assert!(units(&home).iter().all(|unit| !unit.exists()));
    assert!(!home.dir().join(".config/systemd").exists());
    assert!(!systemctl.log.exists(), "systemd was not even asked");

    let said = install();
    assert!(said.contains("SSH_CONNECTION-"), "{said}");
    assert_eq!(systemctl.changes(), ENABLE);
    let before = units(&home).map(|unit| inode(&unit));
    fs::write(&systemctl.active, "").unwrap();
    let said = install();
    assert!(said.contains("is up to date"), "{said}");
    assert!(!said.contains("Wrote"), "{said}");
    assert_eq!(systemctl.changes(), ENABLE);
    assert_eq!(units(&home).map(|unit| inode(&unit)), before);
    assert!(
        !home.dir().join(".profile").exists(),
        "profiles are not ours"
    );

    let uninstall = || home.opkssh(["agent", "uninstall"]).run().stdout();
    let dry = home
        .opkssh(["agent", "uninstall", "--dry-run"])
        .run()
        .stdout();
    assert!(dry.contains("Would remove"), "{dry}");
    assert!(units(&home).iter().all(|unit| unit.exists()));
    assert_eq!(systemctl.changes(), [""; 0]);
    uninstall();
    assert_eq!(
        systemctl.changes(),
        [
            "--user disable --now opkssh-agent.socket",
            "--user stop opkssh-agent.service",
            "--user daemon-reload",
        ]
    );
    assert!(units(&home).iter().all(|unit| !unit.exists()));
    assert_eq!(uninstall(), "There is nothing to uninstall.\n");
    assert_eq!(systemctl.changes(), [""; 0]);
}

#[test]
fn without_a_user_manager_install_says_what_to_type() {
    let home = Home::new(OPKSSH);
    let systemctl = Systemctl::stands_in(&home);
    fs::write(&systemctl.gone, "").unwrap();
    let said = home.opkssh(["agent", "install"]).run().stdout();
    assert!(
        said.contains("  systemctl --user enable --now opkssh-agent.socket\n"),
        "{said}"
    );
    assert!(units(&home).iter().all(|unit| unit.exists()));
    home.opkssh(["agent", "uninstall"]).run().stdout();
    assert!(units(&home).iter().all(|unit| !unit.exists()));
    assert_eq!(systemctl.changes(), [""; 0]);
}

#[test]
fn a_unit_of_somebody_else_is_left_alone() {
    let home = Home::new(OPKSSH);
    let systemctl = Systemctl::stands_in(&home);
    let theirs = home.write(".config/systemd/user/opkssh-agent.service", "[Service]\n");
    for command in ["install", "uninstall"] {
        let refused = home.opkssh(["agent", command]).run().refused();
        assert!(refused.contains("was not written by opkssh"), "{refused}");
    }
    assert_eq!(fs::read_to_string(theirs).unwrap(), "[Service]\n");
    assert!(!units(&home)[0].exists());
    assert_eq!(systemctl.changes(), [""; 0]);
}

#[test]
fn install_hands_over_from_an_agent_that_runs() {
    let home = Home::new(OPKSSH);
    let systemctl = Systemctl::stands_in(&home);
    home.opkssh(["agent", "start"]).run().stdout();
    home.opkssh(["agent", "install"]).run().stdout();
    assert_eq!(systemctl.changes(), ENABLE);
    assert!(!agent_socket(&home).exists(), "it has ended");
}

#[test]
fn the_agent_serves_the_sockets_that_systemd_passes_and_leaves_them() {
    let home = Home::new(OPKSSH);
    let told = home.dir().join("notify");
    let manager = std::os::unix::net::UnixDatagram::bind(&told).unwrap();
    home.set("NOTIFY_SOCKET", &told);
    let mut systemd = activated(&home);
    let control = home.runtime_dir().join("opkssh/control.sock");
    let sockets = [agent_socket(&home), control];
    let before = sockets.each_ref().map(|socket| inode(socket));

    let list = home
        .command("ssh-add")
        .env("SSH_AUTH_SOCK", agent_socket(&home))
        .arg("-l")
        .run();
    assert_eq!(list.any_stdout(), "The agent has no identities.\n");
    // the tool has become the agent
    assert_eq!(daemon_pid(&home), i32::try_from(systemd.pid()).unwrap());
    let heard = || {
        let mut text = [0; 64];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).trim().to_owned()
    };
    assert_eq!(heard(), "READY=1");
    assert_eq!(sockets.each_ref().map(|socket| inode(socket)), before);

    home.opkssh(["agent", "stop"]).run().stdout();
    assert_eq!(heard(), "STOPPING=1");
    wait_until("the agent ends", || systemd.has_ended().then_some(()));
    assert!(systemd.wait().success());
    assert_eq!(sockets.each_ref().map(|socket| inode(socket)), before);
}

#[test]
fn systemd_takes_over_from_an_agent_whose_sockets_it_replaced() {
    let home = Home::new(OPKSSH);
    home.opkssh(["agent", "start"]).run().stdout();
    // as systemd does when it binds
    let directory = home.runtime_dir().join("opkssh");
    for socket in ["agent.sock", "control.sock"] {
        fs::remove_file(directory.join(socket)).unwrap();
    }
    let systemd = activated(&home);
    assert_eq!(daemon_pid(&home), i32::try_from(systemd.pid()).unwrap());
    // which holds the lock now, so the former is gone
    assert!(daemon_log(&home).contains("agent ends"));
    let sockets = ["agent.sock", "control.sock"].map(|name| directory.join(name));
    assert!(sockets.iter().all(|socket| socket.exists()), "not removed");
}

#[test]
fn an_agent_does_not_take_the_sockets_away_from_systemd() {
    let home = Home::new(OPKSSH);
    let directory = home.runtime_dir().join("opkssh");
    fs::create_dir_all(&directory).unwrap();
    let _systemd = std::os::unix::net::UnixListener::bind(agent_socket(&home)).unwrap();
    let before = inode(&agent_socket(&home));
    let refused = home.opkssh(["agent", "run"]).run().refused();
    assert!(refused.contains("systemd, most likely"), "{refused}");
    assert_eq!(inode(&agent_socket(&home)), before);
}

#[test]
fn restart_brings_accounts_back_and_keeps_the_settings() {
    if left_out(&[Part::Provider, Part::Keyring]) {
        return;
    }
    let setup = Setup::new();
    let _keyring = SecretService::start(&setup.home);
    let start = ["agent", "start", "--store", "keyring"];
    setup.home.opkssh(start).run().stdout();
    setup.login(&[]);
    let (former, account) = (
        daemon_pid(&setup.home),
        status(&setup.home)["accounts"][0].clone(),
    );
    let said = setup.home.opkssh(["agent", "restart"]).run().stdout();
    assert!(said.contains("The agent has restarted"), "{said}");

    assert_ne!(daemon_pid(&setup.home), former);
    setup.home.opkssh(["check"]).run().stdout();
    let now = status(&setup.home);
    assert_eq!(now["accounts"][0]["fingerprint"], account["fingerprint"]);
    assert_eq!(now["agent"]["store_wish"], "keyring");
    assert_eq!(setup.browser.openings(), 1, "nobody had to log in");
}

#[test]
fn restart_names_the_logins_that_it_would_lose() {
    if left_out(&[Part::Provider]) {
        return;
    }
    let setup = Setup::new();
    let start = ["agent", "start", "--store", "memory"];
    setup.home.opkssh(start).run().stdout();
    setup.login(&[]);
    let former = daemon_pid(&setup.home);
    let systemctl = Systemctl::stands_in(&setup.home);
    for command in ["restart", "install"] {
        let refused = setup.home.opkssh(["agent", command]).run().refused();
        assert!(refused.contains("test would be lost"), "{refused}");
        let advice = format!("opkssh agent {command} --force");
        assert!(refused.contains(&advice), "{refused}");
        assert_eq!(daemon_pid(&setup.home), former);
    }
    assert_eq!(systemctl.changes(), [""; 0]);
    assert!(!units(&setup.home)[0].exists());

    setup
        .home
        .opkssh(["agent", "restart", "--force"])
        .run()
        .stdout();
    let now = status(&setup.home);
    assert_ne!(daemon_pid(&setup.home), former);
    assert_eq!(now["agent"]["store"], "memory");
    assert_eq!(now["accounts"].as_array().map(Vec::len), Some(0));
}
