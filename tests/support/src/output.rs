//! What a program that ended left behind.

use std::process::ExitStatus;

/// The outcome of a program. Look at it through [`Output::stdout`] (it must
/// have succeeded) or [`Output::refused`] (it must have refused).
#[must_use = "a program that failed goes unnoticed"]
pub struct Output {
    pub(crate) what: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Output {
    /// Standard output; fails the test unless the program exited with 0.
    pub fn stdout(&self) -> String {
        assert!(
            self.status.success(),
            "{} failed: {}",
            self.what,
            self.describe()
        );
        self.checked(&self.stdout)
    }

    /// Standard error; fails the test unless the program exited with 1, for "no" or "failed".
    pub fn refused(&self) -> String {
        self.ended_with(1)
    }

    /// Standard error; fails the test unless the program exited with 2, for a wrong command line.
    pub fn misused(&self) -> String {
        self.ended_with(2)
    }

    /// Standard error; fails the test unless the program exited with 3, for "could not find out".
    pub fn inconclusive(&self) -> String {
        self.ended_with(3)
    }

    #[track_caller]
    fn ended_with(&self, code: i32) -> String {
        assert!(
            self.status.code() == Some(code),
            "{} should exit {code}: {}",
            self.what,
            self.describe()
        );
        self.stderr()
    }

    /// Standard error, whatever the exit status. Fails the test if a hint begins in upper case, as
    /// a sentence does.
    pub fn stderr(&self) -> String {
        let text = self.checked(&self.stderr);
        let mut hints = text.lines().filter_map(|line| line.strip_prefix("hint: "));
        let sentence = hints.find(|hint| hint.starts_with(char::is_uppercase));
        assert_eq!(sentence, None, "{}", self.what);
        text
    }

    /// Standard output, whatever the exit status.
    pub fn any_stdout(&self) -> String {
        self.checked(&self.stdout)
    }

    /// Exit status; none when a signal ended the program.
    pub fn code(&self) -> Option<i32> {
        self.checked(&[]);
        self.status.code()
    }

    pub fn success(&self) -> bool {
        self.code() == Some(0)
    }

    /// For a program that may: every other look at the outcome fails the test then.
    pub fn panicked(&self) -> bool {
        let stderr = String::from_utf8_lossy(&self.stderr);
        ["panicked at", "panic: ", "goroutine 1 ["]
            .iter()
            .any(|mark| stderr.contains(mark))
    }

    fn checked(&self, bytes: &[u8]) -> String {
        let panicked = self.panicked();
        assert!(!panicked, "{} panicked: {}", self.what, self.describe());
        String::from_utf8_lossy(bytes).into_owned()
    }

    fn describe(&self) -> String {
        format!(
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.status,
            String::from_utf8_lossy(&self.stdout),
            String::from_utf8_lossy(&self.stderr)
        )
    }
}
