//! Records the events of an agent with the view after each, and replays them: the same events must
//! give the same views. Only in debug builds, for the end-to-end tests.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

use opkssh_protocol::time::UnixTime;

use crate::accounts::lifecycle::{Event, View, apply, view};
use crate::accounts::material::{Facts, Real};

/// The variable that names the file for the reports, a line for each replay.
const VARIABLE: &str = "OPKSSH_LIFECYCLE_TRACE";

/// Keeps the secrets that events bring, for as long as the agent runs.
pub struct Trace {
    report: PathBuf,
    start: Facts,
    steps: Vec<(Event<Real>, UnixTime, View<Real>)>,
}

impl Trace {
    /// Returns a trace that begins with these facts, if the variable is set.
    pub fn new(facts: &Facts) -> Option<Self> {
        let report = std::env::var_os(VARIABLE)?;
        Some(Self::reporting_to(report.into(), facts))
    }

    fn reporting_to(report: PathBuf, start: &Facts) -> Self {
        Self {
            report,
            start: start.clone(),
            steps: Vec::new(),
        }
    }

    /// Records an event and the view of the facts that it made. Replays all at each power of two,
    /// and from when the agent ends at each event.
    pub fn record(&mut self, event: Event<Real>, now: UnixTime, facts: &Facts) {
        self.steps.push((event, now, view(facts, now)));
        if self.steps.len().is_power_of_two() || facts.agent.ending {
            let report = File::options().create(true).append(true).open(&self.report);
            let _ = report.and_then(|mut report| writeln!(report, "{}", self.replay()));
        }
    }

    fn replay(&self) -> String {
        let (mut facts, count) = (self.start.clone(), self.steps.len());
        for (place, (event, now, recorded)) in self.steps.iter().enumerate() {
            apply(&mut facts, event.clone(), *now);
            let again = view(&facts, *now);
            if again != *recorded {
                return format!("event {place} of {count}, {event:?}: {recorded:?} was {again:?}");
            }
        }
        format!("{count} events: the same views")
    }
}

#[cfg(test)]
mod tests;
