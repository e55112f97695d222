//! The news that a store answers again.

use std::collections::BTreeSet;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::kind::StoreKind;

/// The stores that have answered a call which had been reported as timed out, until somebody takes
/// the news.
#[derive(Default)]
pub struct LateAnswers {
    kinds: Mutex<BTreeSet<StoreKind>>,
    news: Notify,
}

impl LateAnswers {
    pub fn tell(&self, kind: StoreKind) {
        self.kinds.lock().insert(kind);
        self.news.notify_one();
    }

    /// Waits for news and takes it. For one waiter: each news is told once.
    pub async fn next(&self) -> StoreKind {
        loop {
            let next = self.kinds.lock().pop_first();
            match next {
                Some(kind) => return kind,
                None => self.news.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_store_is_named_once_however_often_it_answered() {
        let late = LateAnswers::default();
        for kind in [StoreKind::File, StoreKind::SecretService, StoreKind::File] {
            late.tell(kind);
        }
        assert_eq!(late.next().await, StoreKind::SecretService);
        assert_eq!(late.next().await, StoreKind::File);
        tokio::select! {
            biased;
            kind = late.next() => panic!("{kind:?} again"),
            () = std::future::ready(()) => {}
        }
    }
}
