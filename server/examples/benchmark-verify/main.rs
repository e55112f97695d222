//! Measures `verify` and a whole ssh login against Go's program and against a static `cat`.
//! `scripts/benchmark-verify` builds, prepares a mount namespace, and runs this in it as root:
//! what is written to /etc and /var is gone afterwards.
//!
//! usage: benchmark-verify OURS GO
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout
)]

#[path = "../../tests/forge/mod.rs"]
mod forge;
mod growth;
mod provider;

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Instant, SystemTime};

use forge::{CLIENT, Login};
use provider::{KEYS, Provider};
use serde_json::json;

const RUNS: usize = 41;
const LOGINS: usize = 21;
const DELAYS: [u64; 2] = [0, 50];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, ours, go] = args.as_slice() else {
        panic!("usage: benchmark-verify OURS GO");
    };
    let provider = Provider::start();
    let login = login(&provider.issuer);
    let stage = Stage::new(&login, &provider.issuer);
    let ours = Contender::new("opkssh-agent, warm", ours);
    let go = Contender::new("Go 0.16", go);

    println!("| verify, provider adds | program | median | fastest | requests | most memory |");
    println!("|---|---|---|---|---|---|");
    for delay in DELAYS {
        provider.delay(delay);
        let mut medians = Vec::new();
        for contender in [&go, &ours] {
            // the first fills the cache of whoever has one
            stage.verify(contender);
            let before = provider.requests();
            let times = sorted((0..RUNS).map(|_| timed(|| stage.verify(contender))));
            let requests = (provider.requests() - before) as f64 / RUNS as f64;
            println!(
                "| {delay} ms | {} | {:.1} ms | {:.1} ms | {requests:.0} | {} |",
                contender.name,
                times[RUNS / 2],
                times[0],
                stage.most_memory(contender),
            );
            medians.push(times[RUNS / 2]);
        }
        println!(
            "| {delay} ms | | {:.1} times faster | | | |",
            medians[0] / medians[1]
        );
    }

    provider.delay(0);
    growth::table(&stage, &provider.issuer, &[&ours, &go]);

    println!("\n| ssh login, provider adds | AuthorizedKeysCommand | median | over cat |");
    println!("|---|---|---|---|");
    for delay in DELAYS {
        provider.delay(delay);
        let commands = [
            (
                "a static cat".to_owned(),
                "/bin/cat /etc/opk/line".to_owned(),
            ),
            (
                ours.name.to_owned(),
                format!("{} verify %u %k %t", ours.program),
            ),
            (
                go.name.to_owned(),
                format!("{} verify %u %k %t", go.program),
            ),
        ];
        let servers: Vec<Sshd> = commands
            .iter()
            .map(|(_, command)| Sshd::start(command))
            .collect();
        let mut times = vec![Vec::new(); servers.len()];
        // by turns, so that whatever else the machine does meets them all
        for _ in 0..LOGINS {
            for (server, times) in servers.iter().zip(&mut times) {
                times.push(timed(|| server.login(&stage)));
            }
        }
        let medians: Vec<f64> = times
            .into_iter()
            .map(|times| sorted(times.into_iter())[LOGINS / 2])
            .collect();
        for ((name, _), median) in commands.iter().zip(&medians) {
            let over = median - medians[0];
            println!("| {delay} ms | {name} | {median:.0} ms | {over:+.0} ms |");
        }
    }
}

fn login(issuer: &str) -> Login {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = since.unwrap().as_secs();
    Login::of(
        forge::ProviderKey::rs256(),
        opkssh_protocol::control::KeyType::Ecdsa,
    )
    .with(|login| {
        login.claims["iss"] = issuer.into();
        login.claims["iat"] = now.into();
        login.claims["exp"] = (now + 3600).into();
        let published = login.provider_key.published();
        KEYS.set(json!({"keys": [published]}).to_string()).unwrap();
    })
}

struct Contender {
    name: &'static str,
    program: String,
}

impl Contender {
    fn new(name: &'static str, program: &str) -> Self {
        Self {
            name,
            program: program.to_owned(),
        }
    }

    /// In the environment that sshd gives.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", "/usr/bin:/bin");
        command
    }

    /// The program does nothing but start and end.
    fn start(&self) {
        let version = self.command().arg("--version").output();
        assert!(version.unwrap().status.success());
    }
}

/// The server's files, and the certificate.
struct Stage {
    words: [String; 4],
    key: tempfile::TempDir,
}

impl Stage {
    fn new(login: &Login, issuer: &str) -> Self {
        let (key_type, certificate) = login.words();
        let key = tempfile::tempdir().unwrap();
        let pem = login.user_key.to_openssh_pem("benchmark").unwrap();
        write(&key.path().join("key"), pem.expose(), 0o600);
        let line = format!("{key_type} {certificate}\n");
        write(&key.path().join("key-cert.pub"), &line, 0o644);
        let etc = Path::new("/etc/opk");
        fs::create_dir_all(etc).unwrap();
        write(
            &etc.join("providers"),
            &format!("{issuer} {CLIENT} 24h\n"),
            0o640,
        );
        let row = format!("root alice@x.example {issuer}\n");
        write(&etc.join("auth_id"), &row, 0o640);
        let authority = forge::certificate::openssh(&login.user_key);
        let line = format!("cert-authority,principals=\"opkssh-wildcard\" {authority}\n");
        write(&etc.join("line"), &line, 0o644);
        let cache = Path::new("/var/cache/opkssh");
        fs::create_dir_all(cache).unwrap();
        fs::set_permissions(cache, Permissions::from_mode(0o700)).unwrap();
        Self {
            words: ["verify".into(), "root".into(), certificate, key_type],
            key,
        }
    }

    fn verify(&self, contender: &Contender) {
        let output = contender.command().args(&self.words).output().unwrap();
        assert!(
            output.stdout.starts_with(b"cert-authority"),
            "{}: {}",
            contender.name,
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The largest resident size, read while the program cannot write its answer: by then all else
    /// is done.
    fn most_memory(&self, contender: &Contender) -> String {
        let (mut full, writer) = std::io::pipe().unwrap();
        let filling = [0; 64 * 1024];
        (&writer).write_all(&filling).unwrap();
        let mut child = contender
            .command()
            .args(&self.words)
            .stdout(writer)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = format!("/proc/{}", child.id());
        while !is_writing(&process) {
            assert!(child.try_wait().unwrap().is_none(), "ended early");
            thread::yield_now();
        }
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: f64 = line
            .and_then(|line| line.split_whitespace().next()?.parse().ok())
            .unwrap();
        std::io::Read::read_exact(&mut full, &mut [0; 64 * 1024]).unwrap();
        child.wait().unwrap();
        format!("{:.1} MB", kib / 1024.0)
    }
}

/// Returns true if one of its threads waits for room in a pipe.
fn is_writing(process: &str) -> bool {
    let threads = fs::read_dir(format!("{process}/task"))
        .into_iter()
        .flatten();
    threads.flatten().any(|thread| {
        let place = fs::read_to_string(thread.path().join("wchan"));
        place.is_ok_and(|place| place.contains("pipe_write"))
    })
}

struct Sshd {
    child: Child,
    port: u16,
}

impl Sshd {
    fn start(command: &str) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let options = [
            "ListenAddress=127.0.0.1".to_owned(),
            format!("Port={port}"),
            "PidFile=none".into(),
            "UsePAM=no".into(),
            "UseDNS=no".into(),
            "AuthorizedKeysFile=none".into(),
            "AuthorizedKeysCommandUser=root".into(),
            format!("AuthorizedKeysCommand={command}"),
        ];
        let mut sshd = Command::new("/usr/sbin/sshd");
        sshd.args(["-D", "-e", "-f", "/dev/null", "-h"]);
        sshd.arg("/etc/ssh/ssh_host_ed25519_key");
        for option in options {
            sshd.args(["-o", &option]);
        }
        let child = sshd.stderr(Stdio::null()).spawn().unwrap();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::yield_now();
        }
        Self { child, port }
    }

    fn login(&self, stage: &Stage) {
        let mut ssh = Command::new("ssh");
        ssh.args(["-F", "/dev/null", "-p", &self.port.to_string(), "-i"]);
        ssh.arg(stage.key.path().join("key"));
        for option in [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
        ] {
            ssh.args(["-o", option]);
        }
        let output = ssh.args(["root@127.0.0.1", "true"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// In milliseconds.
fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1000.0
}

fn sorted(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times
}
