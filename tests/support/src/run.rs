//! Running programs: to their end within a limit, or beside the test.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::Output;
use crate::wait::poll;

/// A program hangs, for our purposes, when it takes this long.
const LIMIT: Duration = Duration::from_secs(120);
/// How long after its end a program's output may still be open: only something
/// that it left running can hold it.
const OUTPUT_LIMIT: Duration = Duration::from_secs(20);

/// A program about to be run.
#[must_use = "nothing runs before run() or start()"]
pub struct Run {
    command: Command,
    stdin: Option<Vec<u8>>,
}

impl Run {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let mut command = Command::new(program);
        command.env_clear();
        Self {
            command,
            stdin: None,
        }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn envs(mut self, vars: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        self.command.envs(vars);
        self
    }

    pub fn current_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// What the program reads on stdin (nothing unless said).
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Starts the program beside the test, with a terminal as its stdin; what is typed there, line
    /// by line, is given to the returned [`Keyboard`].
    pub fn start_on_terminal(self) -> (Running, Keyboard) {
        use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .expect("a terminal");
        grantpt(&keyboard).expect("a terminal");
        unlockpt(&keyboard).expect("a terminal");
        let name = ptsname(&keyboard, Vec::new()).expect("the terminal's name");
        let terminal = std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(rustix::fs::OFlags::NOCTTY.bits() as i32)
            .open(OsStr::from_bytes(name.as_bytes()))
            .expect("the terminal's other end");
        let running = self.start_with(terminal.into());
        (running, Keyboard(keyboard.into()))
    }

    /// Runs the program to its end. Fails the test when it does not end, or when
    /// something that it started keeps its stdout or stderr open (a shell's
    /// `$(…)` around it would hang).
    pub fn run(self) -> Output {
        self.start().wait()
    }

    /// Starts the program beside the test; it is killed with its children when dropped.
    pub fn start(self) -> Running {
        let stdin = match self.stdin {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        };
        self.start_with(stdin)
    }

    fn start_with(mut self, stdin: Stdio) -> Running {
        let what = self.describe();
        // A group of its own: what it starts can be ended with it.
        self.command
            .process_group(0)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {what}: {error}"));
        if let (Some(bytes), Some(mut stdin)) = (self.stdin, child.stdin.take()) {
            // A program may end without reading all of it.
            thread::spawn(move || stdin.write_all(&bytes));
        }
        let stdout = Reader::start(child.stdout.take().expect("stdout is piped"));
        let stderr = Reader::start(child.stderr.take().expect("stderr is piped"));
        Running {
            what,
            child,
            status: None,
            stdout,
            stderr,
        }
    }

    /// The command line, long arguments cut: they are certificates.
    fn describe(&self) -> String {
        let mut line = self.command.get_program().to_string_lossy().into_owned();
        for arg in self.command.get_args() {
            let arg = arg.to_string_lossy();
            let short: String = arg.chars().take(80).collect();
            let cut = if short.len() < arg.len() { "…" } else { "" };
            let _ = write!(line, " {short}{cut}");
        }
        line
    }
}

/// The person's end of a terminal. Dropping it hangs up.
pub struct Keyboard(std::fs::File);

impl Keyboard {
    pub fn type_line(&mut self, text: &str) {
        self.0
            .write_all(format!("{text}\n").as_bytes())
            .expect("type at the terminal");
    }
}

/// A program that runs beside the test.
pub struct Running {
    what: String,
    child: Child,
    status: Option<ExitStatus>,
    stdout: Reader,
    stderr: Reader,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn stdout_so_far(&self) -> String {
        self.stdout.so_far()
    }

    pub fn stderr_so_far(&self) -> String {
        self.stderr.so_far()
    }

    /// Waits until stdout or stderr holds `text`; gives both. Fails when the
    /// program ends before.
    pub fn wait_for(&mut self, text: &str) -> String {
        let found = poll(LIMIT, || {
            let ended = self.has_ended();
            let output = format!("{}{}", self.stdout.so_far(), self.stderr.so_far());
            (ended || output.contains(text)).then_some(output)
        });
        match found {
            Some(output) if output.contains(text) => output,
            Some(output) => panic!("{} ended without saying {text:?}:\n{output}", self.what),
            None => panic!(
                "{} does not say {text:?}:\n{}{}",
                self.what,
                self.stdout.so_far(),
                self.stderr.so_far()
            ),
        }
    }

    pub fn has_ended(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().expect("waiting for our own child");
        }
        self.status.is_some()
    }

    /// Sends a signal to the program alone, not to what it started.
    pub fn signal(&mut self, signal: Signal) {
        if !self.has_ended() {
            kill_process(self.group(), signal).expect("signal our own child");
        }
    }

    /// Waits for the program's end.
    pub fn wait(mut self) -> Output {
        if poll(LIMIT, || self.has_ended().then_some(())).is_none() {
            panic!(
                "{} has not ended after {LIMIT:?}:\n{}{}",
                self.what,
                self.stdout.so_far(),
                self.stderr.so_far()
            );
        }
        let (Some(stdout), Some(stderr)) = (self.stdout.to_end(), self.stderr.to_end()) else {
            panic!(
                "{} ended, but something that it started keeps its stdout or stderr open",
                self.what
            );
        };
        Output {
            what: self.what.clone(),
            status: self.status.expect("it has ended"),
            stdout,
            stderr,
        }
    }

    /// Kills the program and what it started, and waits until it is gone.
    pub fn kill(&mut self) {
        let _ = kill_process_group(self.group(), Signal::KILL);
        if self.status.is_none() {
            self.status = self.child.wait().ok();
        }
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.child)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once reaped, the number may belong to somebody else.
        if !self.has_ended() {
            self.kill();
        }
    }
}

/// Collects one output stream on a thread of its own.
struct Reader {
    bytes: Arc<Mutex<Vec<u8>>>,
    end: Receiver<()>,
}

impl Reader {
    fn start(mut stream: impl Read + Send + 'static) -> Self {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (at_end, end) = mpsc::channel();
        let sink = Arc::clone(&bytes);
        thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(n) = stream.read(&mut chunk) {
                if n == 0 {
                    break;
                }
                sink.lock().extend_from_slice(&chunk[..n]);
            }
            let _ = at_end.send(());
        });
        Self { bytes, end }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.bytes.lock()).into_owned()
    }

    fn to_end(&self) -> Option<Vec<u8>> {
        self.end.recv_timeout(OUTPUT_LIMIT).ok()?;
        Some(std::mem::take(&mut self.bytes.lock()))
    }
}
