//! The life of an account as facts and four pure functions. It stands beside the code that the
//! daemon runs, and is not used by it yet.
//!
//! Events change the facts ([`apply`]). From the facts follow the actions to start ([`next`]), the
//! time at which to look again ([`wake`]) and what may be shown ([`view`]). Nothing remembers where
//! it was in a procedure, so a crash or a lock in the middle of one is no special case.
//!
//! Nothing here does I/O, reads a clock, takes a lock or uses randomness. The owner of the facts
//! runs each action as a task, applies [`Event::Started`] when it starts and [`Event::Ended`] when
//! it ends. An action is never cancelled. One that takes too long ends as *unclear*; a store runs
//! actions in the order in which they were sent, so a late write passes no later one.
//!
//! `agent/tests/lifecycle_simulation` runs these functions against stores and providers that fail
//! in every way, and checks what must hold after each step.

mod action;
mod apply;
mod event;
mod facts;
mod next;
mod retry;
mod view;
mod wake;

pub use action::{Action, Step};
pub use apply::apply;
pub use event::{Asked, Event, FileFailed, Loaded, Outcome, SealedInStore, StoreFailure};
pub use facts::{
    AccountFacts, AgentFacts, ClosedStore, Facts, Form, InFlight, IndexEntry, Item, Leaving, Lock,
    LoginRefusal, Material, Memory, Notice, Refresh, RefreshFailure, Retries, Revocation, Running,
    SealFileStep, Stage, StoreClosed, Stored, Suspended, Version,
};
pub use next::next;
pub use retry::{
    FIRST_REFRESH_RETRY, LAST_REFRESH_RETRY, REQUEST_LIMIT, STORE_RETRY, WANTED_REFRESH_RETRY,
    WANTED_STORE_RETRY,
};
pub use view::{AccountView, Hidden, Identity, View, hidden, is_locked_up, unfinished, view};
pub use wake::wake;

pub use super::renewal::plan::Plan;
