//! What is known when the agent starts.

use opkssh_protocol::time::UnixTime;

use super::super::facts::{
    AccountFacts, AgentFacts, Facts, Form, IndexEntry, Leaving, Lock, Material, Stored, Suspended,
};
use super::settle::settle;

impl<M: Material> Facts<M> {
    /// Returns what is known at a start: accounts.json, whether there is `seal.json`, and settings.
    pub fn at_start(
        index: impl IntoIterator<Item = (M::Name, IndexEntry<M>)>,
        seal_file: Option<M::Recipient>,
        suspended: Suspended,
        settings: M::Settings,
        lifetime: Option<i64>,
        now: UnixTime,
    ) -> Self {
        let agent = AgentFacts {
            lock: seal_file.map_or(Lock::Open, Lock::Locked),
            seal_file_in_flight: false,
            seal_file_retry_at: None,
            suspended,
            dropped: false,
            ending: false,
            settings,
            lifetime,
            closed_stores: Vec::new(),
        };
        let accounts = index.into_iter().map(|(name, entry)| AccountFacts {
            login: entry.version.login,
            // never `Sealed`: the store may have lost that write with the power
            form: match entry.may_be_sealed {
                true => Form::Either,
                false => Form::Clear,
            },
            leaving: match entry.leaving {
                true => Leaving::Wanted,
                false => Leaving::No,
            },
            stored: Stored::Unknown,
            ..AccountFacts::new(
                name,
                entry.person.clone(),
                Some(entry.store),
                Some(entry.clone()),
            )
        });
        let mut facts = Self {
            agent,
            accounts: accounts.collect(),
            notices: Vec::new(),
        };
        settle(&mut facts, now);
        facts
    }
}
