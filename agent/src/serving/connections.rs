//! How many connections there are, and which one gives way to the next when there are too many.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// Connections at once, on all sockets.
const MAX_CONNECTIONS: usize = 256;

/// The connections of the agent's sockets. When full, a new connection evicts another: idle before
/// busy, unidentified or forwarded before local, then the least recently active.
pub struct Connections {
    limit: usize,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// A connection ends when its sender is dropped.
    open: HashMap<u64, (Standing, oneshot::Sender<Infallible>)>,
    /// Counts what happens; orders connections by when they were last heard of.
    clock: u64,
}

/// In the order in which connections are given up.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    is_busy: bool,
    is_valued: bool,
    last_heard: u64,
}

/// A connection's place in the table, for as long as it lives.
pub struct Place {
    connections: Arc<Connections>,
    id: u64,
}

impl Default for Connections {
    fn default() -> Self {
        Self::new(MAX_CONNECTIONS)
    }
}

impl Connections {
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            table: Mutex::default(),
        }
    }

    /// Returns a place for a new connection, and a receiver that ends when it is evicted.
    pub fn enter(self: &Arc<Self>) -> (Place, oneshot::Receiver<Infallible>) {
        let (close, closed) = oneshot::channel();
        let mut table = self.table.lock();
        if table.open.len() >= self.limit {
            let least = table.open.iter().min_by_key(|(_, (standing, _))| *standing);
            if let Some(id) = least.map(|(id, _)| *id) {
                table.open.remove(&id);
            }
        }
        let id = table.tick();
        let standing = Standing {
            last_heard: id,
            ..Standing::default()
        };
        table.open.insert(id, (standing, close));
        let connections = self.clone();
        (Place { connections, id }, closed)
    }
}

impl Table {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl Place {
    /// Marks the connection as busy with a request.
    pub fn mark_busy(&self) {
        self.update(|standing| standing.is_busy = true);
    }

    /// Marks the connection as idle. `is_valued`: it is known to be of use to this machine's user.
    pub fn mark_idle(&self, is_valued: bool) {
        self.update(|standing| (standing.is_busy, standing.is_valued) = (false, is_valued));
    }

    fn update(&self, change: impl FnOnce(&mut Standing)) {
        let mut table = self.connections.table.lock();
        let now = table.tick();
        if let Some((standing, _)) = table.open.get_mut(&self.id) {
            standing.last_heard = now;
            change(standing);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.table.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests;
