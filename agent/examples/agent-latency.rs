//! How long an agent takes to answer, over its socket: `scripts/benchmark-agent` runs this on ours
//! and on OpenSSH's. Prints microseconds, the median and the 99th percentile.
//!
//! ```text
//! agent-latency list SOCKET [KNOWN_HOSTS NAME]   ask for the list; with a name, as ssh to it does
//! agent-latency sign SOCKET                      sign with the first identity
//! agent-latency together SOCKET CLIENTS          signatures in a second, by so many clients at once
//! agent-latency start SOCKET PROGRAM [WORD…]     from starting PROGRAM to its first answer
//! ```

use std::fs::OpenOptions;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::user_key::UserKey;

const WARM_UP: usize = 200;
const ROUNDS: usize = 2000;
const STARTS: usize = 20;
/// As much as ssh has signed at a login with a certificate.
const SIGNED: [u8; 1500] = [7; 1500];

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut taken = match words.as_slice() {
        ["list", socket] => list(Agent::connect(socket)?)?,
        ["list", socket, known_hosts, name] => {
            let mut agent = Agent::connect(socket)?;
            agent.bind(known_hosts, name)?;
            list(agent)?
        }
        ["sign", socket] => sign(Agent::connect(socket)?)?,
        ["together", socket, clients] => {
            let rate = together(socket, clients.parse()?)?;
            writeln!(std::io::stdout(), "{rate:.0}")?;
            return Ok(());
        }
        ["start", socket, program, words @ ..] => start(socket, program, words)?,
        _ => return Err("see the top of agent/examples/agent-latency.rs".into()),
    };
    taken.sort_unstable();
    let at = |percent: usize| taken[(taken.len() - 1) * percent / 100].as_nanos() as f64 / 1000.0;
    writeln!(std::io::stdout(), "{:.1} {:.1}", at(50), at(99))?;
    Ok(())
}

fn list(mut agent: Agent) -> Result<Vec<Duration>, Failure> {
    let taken = repeat(|| agent.ask(&[11]))?;
    agent.first_identity()?;
    Ok(taken)
}

fn sign(mut agent: Agent) -> Result<Vec<Duration>, Failure> {
    let request = agent.sign_request()?;
    repeat(|| agent.sign(&request))
}

fn together(socket: &str, clients: usize) -> Result<f64, Failure> {
    let each = 10 * ROUNDS / clients;
    let mut agents = Vec::new();
    for _ in 0..clients {
        agents.push(Agent::connect(socket)?);
    }
    let begin = Instant::now();
    std::thread::scope(|scope| {
        let started: Vec<_> = agents
            .into_iter()
            .map(|mut agent| {
                scope.spawn(move || {
                    let mut signs = || -> Result<(), Failure> {
                        let request = agent.sign_request()?;
                        (0..each).try_for_each(|_| agent.sign(&request))
                    };
                    signs().map_err(|error| error.to_string())
                })
            })
            .collect();
        let mut ends = started.into_iter();
        ends.try_for_each(|one| one.join().map_err(|_| "a client panicked".to_owned())?)
    })?;
    Ok((each * clients) as f64 / begin.elapsed().as_secs_f64())
}

fn start(socket: &str, program: &str, words: &[&str]) -> Result<Vec<Duration>, Failure> {
    (0..STARTS)
        .map(|_| {
            let begin = Instant::now();
            let mut command = Command::new(program);
            let command = command
                .args(words)
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut daemon = command.spawn()?;
            let limit = begin + Duration::from_secs(10);
            let taken = loop {
                if let Ok(mut agent) = Agent::connect(socket) {
                    agent.ask(&[11])?;
                    break begin.elapsed();
                }
                if Instant::now() > limit || daemon.try_wait()?.is_some() {
                    return Err(format!("{program} does not answer").into());
                }
                std::thread::sleep(Duration::from_micros(200));
            };
            daemon.kill()?;
            daemon.wait()?;
            let _ = std::fs::remove_file(socket);
            Ok(taken)
        })
        .collect()
}

fn repeat<T>(mut ask: impl FnMut() -> Result<T, Failure>) -> Result<Vec<Duration>, Failure> {
    for _ in 0..WARM_UP {
        ask()?;
    }
    (0..ROUNDS)
        .map(|_| {
            let begin = Instant::now();
            ask()?;
            Ok(begin.elapsed())
        })
        .collect()
}

struct Agent(UnixStream);

impl Agent {
    fn connect(socket: impl AsRef<Path>) -> Result<Self, Failure> {
        Ok(Self(UnixStream::connect(socket)?))
    }

    fn ask(&mut self, request: &[u8]) -> Result<Vec<u8>, Failure> {
        self.0.write_all(&string(request))?;
        let mut length = [0; 4];
        self.0.read_exact(&mut length)?;
        let mut answer = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut answer)?;
        Ok(answer)
    }

    /// A request that every type of key signs without SHA-1.
    fn sign_request(&mut self) -> Result<Vec<u8>, Failure> {
        let identity = self.first_identity()?;
        let flags = 2_u32.to_be_bytes();
        Ok([&[13][..], &string(&identity), &string(&SIGNED), &flags].concat())
    }

    fn sign(&mut self, request: &[u8]) -> Result<(), Failure> {
        match self.ask(request)?.first() {
            Some(14) => Ok(()),
            other => Err(format!("no signature but {other:?}").into()),
        }
    }

    fn first_identity(&mut self) -> Result<Vec<u8>, Failure> {
        let answer = self.ask(&[11])?;
        let first = answer.get(5..9).ok_or("it lists nothing")?;
        let length = u32::from_be_bytes(first.try_into()?) as usize;
        Ok(answer
            .get(9..9 + length)
            .ok_or("half an identity")?
            .to_vec())
    }

    /// Says, as ssh does, whom it talks to: a server that known_hosts knows by this name from now on.
    fn bind(&mut self, known_hosts: &str, name: &str) -> Result<(), Failure> {
        let key = UserKey::generate(KeyType::Ed25519)?;
        let PublicKey::Ed25519(public) = key.public_key() else {
            return Err("a key of another kind".into());
        };
        let blob = [string(b"ssh-ed25519"), string(&public)].concat();
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(known_hosts)?;
        writeln!(file, "{name} ssh-ed25519 {}", STANDARD.encode(&blob))?;
        let session = b"a session";
        let signature = key.sign_ssh(session);
        let request = [
            &[27][..],
            &string(b"session-bind@openssh.com"),
            &string(&blob),
            &string(session),
            &string(&signature),
            &[0],
        ];
        match self.ask(&request.concat())?.as_slice() {
            [6] => Ok(()),
            other => Err(format!("the bind is refused: {other:?}").into()),
        }
    }
}

/// RFC 4251 section 5, and the frame of the agent protocol.
fn string(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
}
