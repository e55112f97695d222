//! The same files and the same logins for Go's program and ours. Where the two disagree, the case
//! must be on the list of its test, with the row of `docs/differences.md` that says why; and what
//! is on a list must be seen.

mod auth_id;
mod certificates;
mod claims;
mod files;
mod id_tokens;
mod inspect;
pub mod interop;
mod log;
mod pk_tokens;
mod principals;
mod provider_keys;
mod providers;

use std::ffi::OsStr;
use std::fmt::Display;
use std::path::Path;

use opkssh_test_support::{GoPeer, Output, Run};

use crate::dice::Dice;
use crate::server::verify_refusals::attempt::Attempt;
use crate::setup::OPKSSH;

const DOCUMENTED: &str = include_str!("../../docs/differences.md");

/// What a program says to a case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    /// Exit status 0, and this on stdout.
    Yes(String),
    /// Exit status 1.
    No,
    /// Go's only.
    Panic,
}

impl Said {
    fn of(output: &Output) -> Self {
        if output.panicked() {
            return Self::Panic;
        }
        match output.code() {
            Some(0) => Self::Yes(output.any_stdout()),
            Some(1) => Self::No,
            other => panic!("exit status {other:?}: {}", output.stderr()),
        }
    }
}

/// The verdicts; of long texts the lines that differ.
fn difference(go: &Said, ours: &Said) -> String {
    let lines = |said: &Said, other: &Said| -> String {
        let (Said::Yes(text), other) = (said, other) else {
            return format!("{said:?}");
        };
        let known: Vec<&str> = match other {
            Said::Yes(other) => other.lines().collect(),
            _ => vec![],
        };
        let lines = text.lines().filter(|line| !known.contains(line)).take(8);
        "yes\n".to_owned() + &lines.collect::<Vec<_>>().join("\n")
    };
    format!("-- Go: {}\n-- ours: {}", lines(go, ours), lines(ours, go))
}

/// What Go says where we say otherwise on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Go {
    /// We do not.
    Accepts,
    /// We do not.
    Refuses,
    /// We do not.
    Panics,
    /// Both accept.
    SaysOtherwise,
}

/// Words that a case must have, all of them; what Go says to it; and words of the row in
/// `docs/differences.md`.
type Intended = (&'static [&'static str], Go, &'static str);

/// Words of a row in `docs/differences.md`.
#[track_caller]
fn is_documented(row: &str) {
    let mut rows = DOCUMENTED.lines().filter(|line| line.starts_with('|'));
    let is_there = rows.any(|line| line.contains(row));
    assert!(is_there, "docs/differences.md has no row {row:?}");
}

/// A comparison over many cases.
struct BesideGo {
    peer: GoPeer,
    intended: &'static [Intended],
    seen: Vec<bool>,
    /// In how many cases both accept.
    accepted: usize,
    undocumented: Vec<String>,
}

impl BesideGo {
    fn new(intended: &'static [Intended]) -> Self {
        for (_, _, row) in intended {
            is_documented(row);
        }
        Self {
            peer: GoPeer::new(),
            seen: vec![false; intended.len()],
            intended,
            accepted: 0,
            undocumented: Vec::new(),
        }
    }

    /// `verify` with the server's files of this attempt: Go's, and ours.
    fn verify<A: AsRef<OsStr>>(&self, attempt: &Attempt, words: &[A]) -> (Said, Said) {
        // both are laid out before either starts: they share the user database
        let (go, ours) = (self.go(attempt, words), self.ours(attempt, words));
        let (go, ours) = (go.start(), ours.start());
        (Said::of(&go.wait()), Self::said_by_us(&ours.wait()))
    }

    fn verify_by_go<A: AsRef<OsStr>>(&self, attempt: &Attempt, words: &[A]) -> Said {
        Said::of(&self.go(attempt, words).run())
    }

    fn verify_by_us<A: AsRef<OsStr>>(&self, attempt: &Attempt, words: &[A]) -> Said {
        Self::said_by_us(&self.ours(attempt, words).run())
    }

    fn go<A: AsRef<OsStr>>(&self, attempt: &Attempt, words: &[A]) -> Run {
        let run = self.peer.server(&attempt.etc, Path::new("/dev/null"));
        run.arg("verify").args(words)
    }

    fn ours<A: AsRef<OsStr>>(&self, attempt: &Attempt, words: &[A]) -> Run {
        let (program, ca) = (Path::new(OPKSSH), Path::new("/dev/null"));
        let run = self.peer.server_of(program, &attempt.etc, ca);
        run.arg("verify").args(words)
    }

    /// One line for sshd, or nothing at all.
    fn said_by_us(output: &Output) -> Said {
        let said = Said::of(output);
        match &said {
            Said::Yes(line) => assert_eq!(line.lines().count(), 1, "{line}"),
            _ => assert_eq!(output.any_stdout(), "", "of a refusal"),
        }
        said
    }

    /// Whether the two agree. `input` is for who reads of a difference.
    fn agree(&mut self, case: &[&str], input: impl Display, go: &Said, ours: &Said) -> bool {
        if go == ours {
            self.accepted += usize::from(matches!(go, Said::Yes(_)));
            return true;
        }
        let kind = match (go, ours) {
            (_, Said::Panic) => panic!("{case:?}: ours panics\n{input}"),
            (Said::Panic, _) => Go::Panics,
            (Said::Yes(_), Said::No) => Go::Accepts,
            (Said::Yes(_), Said::Yes(_)) => Go::SaysOtherwise,
            _ => Go::Refuses,
        };
        let known = self.intended.iter().position(|(words, intended, _)| {
            *intended == kind && words.iter().all(|word| case.contains(word))
        });
        match known {
            Some(index) => self.seen[index] = true,
            None => self.undocumented.push(format!(
                "== {}\n{input}\n{}",
                case.join(", "),
                difference(go, ours)
            )),
        }
        false
    }

    /// Fails where something is not documented, or documented and not so. `accepted` is how many
    /// cases both must accept, so that nobody compares refusals only.
    #[track_caller]
    fn end(self, accepted: usize) {
        assert!(
            self.undocumented.is_empty(),
            "{} differences are not documented:\n{}",
            self.undocumented.len(),
            self.undocumented.join("\n")
        );
        let stale: Vec<_> = self
            .intended
            .iter()
            .zip(self.seen)
            .filter_map(|(intended, seen)| (!seen).then_some(intended))
            // builds of Go's differ there, and this may be the other one
            .filter(|(_, _, words)| {
                let mut rows = DOCUMENTED.lines().filter(|row| row.contains(words));
                !rows.any(|row| row.contains("one build"))
            })
            .collect();
        assert!(stale.is_empty(), "listed, but not seen: {stale:#?}");
        assert!(self.accepted >= accepted, "{} accepted", self.accepted);
    }
}
