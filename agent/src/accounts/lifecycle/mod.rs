//! The life of an account as facts and four pure functions.
//!
//! Events change the facts ([`apply`]). From the facts follow the actions to start ([`next`]), the
//! time at which to look again ([`wake`]) and what may be shown ([`view`]). Nothing remembers where
//! it was in a procedure, so a crash or a lock in the middle of one is no special case.
//!
//! Nothing here does I/O, reads a clock, takes a lock or uses randomness. The owner of the facts
//! runs each action as a task, applies [`Event::Started`] when it starts and [`Event::Ended`] when
//! it ends. An action is never cancelled. One that takes too long ends as *unclear*; a store runs
//! actions in the order in which they were sent, so a late write passes no later one.

mod apply;
mod event;
mod facts;
mod next;
mod retry;
mod view;
mod wake;

pub use apply::apply;
pub use event::{
    Event, FileFailed, Loaded, Login, Outcome, RefreshOutcome, SealedInStore, StoreFailure,
};
pub use facts::{
    AccountFacts, Action, AgentFacts, ClosedStore, Facts, Form, InFlight, IndexEntry, Item,
    Leaving, Lock, Material, Memory, Notice, Refresh, RefreshFailure, Retries, Revocation, Stage,
    Step, StoreClosed, Stored, Suspended, Version,
};
pub use next::next;
pub use retry::{REQUEST_LIMIT, STORE_RETRY};
pub use view::{Hidden, View, is_locked_up, shown, unfinished, view};
pub use wake::wake;

pub use super::renewal::plan::Plan;
