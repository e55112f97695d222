//! What the serving wing is shown of the accounts.

use std::sync::{Arc, MutexGuard};

use super::{Account, Accounts, report};
use crate::notices::Cause;
use crate::serving::source::{Identity, Visibility};

impl Accounts {
    /// Publishes again, before the serving wing lists accounts, when the settings have changed.
    pub(super) fn follow_settings(self: &Arc<Self>) {
        let this = Arc::downgrade(self);
        self.held.before_look(move || {
            if let Some(this) = this.upgrade() {
                let known = *this.published();
                if this.settings.version() != known || this.has_overdue() {
                    this.publish();
                }
            }
        });
    }

    /// Replaces the serving wing's table by the accounts as they are now.
    pub(super) fn publish(&self) {
        // held to the end: an older view must not follow a newer one
        let mut published = self.published();
        *published = self.settings.version();
        let accounts: Vec<_> = self.lock().values().cloned().collect();
        let identities = accounts
            .iter()
            .filter_map(|account| {
                let state = account.state();
                let visibility = self.settings.of(&state.record).visibility;
                self.keep_visibility(account, &visibility);
                let key = &state.credentials.key;
                (!self.is_overdue(&state.record)).then(|| {
                    let identity = Identity {
                        name: account.alias.clone(),
                        blob: state.credentials.shown(&visibility).blob().to_vec(),
                        public_key: key.public_key(),
                        comment: report::comment(&state),
                        visibility,
                    };
                    (identity, key.clone())
                })
            })
            .collect();
        self.held.replace(identities);
        self.replan.notify_one();
        self.changed.send_replace(());
    }

    /// Keeps what the account is shown to, for a start at which the configuration cannot be read.
    fn keep_visibility(&self, account: &Account, visibility: &Visibility) {
        let alias = &account.alias;
        if !self.settings.keep(alias, visibility) {
            return;
        }
        let not_kept = || Cause::VisibilityNotKept(alias.clone());
        // after a failure it is tried again when the accounts are published the next time
        match self.index.note_visibility(alias, visibility.clone()) {
            Ok(()) => {
                self.settings.note_written(alias);
                self.held.notices.clear(&not_kept());
            }
            Err(error) => self.held.notices.tell(
                not_kept(),
                format!(
                    "{alias}: its `hosts:` could not be kept for the agent's next start: {error}"
                ),
            ),
        }
    }

    fn published(&self) -> MutexGuard<'_, u64> {
        self.published
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
