//! What accounts leave in the audit log.

use std::sync::Arc;

use opkssh_protocol::audit::{AuditEntry, AuditEvent, PersonAnswer, QuestionKind};
use opkssh_protocol::config::Provider;
use opkssh_protocol::control::{AccountStatus, LoginRequest};

use super::log_in_error::LogInError;
use crate::audit::Audit;
use crate::desktop::notification::NotShown;

/// A login in progress. Records an interrupted login when dropped.
pub struct AuditedLogin {
    audit: Arc<Audit>,
    failed: Option<AuditEntry>,
}

impl AuditedLogin {
    pub fn begin(audit: Arc<Audit>, request: &LoginRequest) -> Self {
        let names = request.providers.iter().map(Provider::name);
        let failed = AuditEntry {
            account: request.account.as_ref().map(ToString::to_string),
            provider: Some(names.collect::<Vec<_>>().join(" ")),
            reason: Some(LogInError::Interrupted.to_string()),
            ..AuditEntry::new(AuditEvent::LoginFailed)
        };
        Self {
            audit,
            failed: Some(failed),
        }
    }

    /// Records how it ended.
    pub fn end(mut self, ended: Result<&AccountStatus, &LogInError>) {
        let Some(failed) = self.failed.take() else {
            return;
        };
        self.audit.record(match ended {
            Ok(account) => AuditEntry {
                provider: Some(account.provider.clone()),
                key: Some(account.fingerprint.clone()),
                ..AuditEntry::of_account(AuditEvent::LoggedIn, &account.alias)
            },
            Err(error) => AuditEntry {
                reason: Some(error.to_string()),
                ..failed
            },
        });
    }
}

impl Drop for AuditedLogin {
    fn drop(&mut self) {
        if let Some(failed) = self.failed.take() {
            self.audit.record(failed);
        }
    }
}

/// Records that a person is asked to log in.
pub fn login_asked(audit: &Audit, account: &str) {
    audit.record(AuditEntry {
        question: Some(QuestionKind::Login),
        ..AuditEntry::of_account(AuditEvent::Asked, account)
    });
}

/// Records how that question ended.
pub fn login_answered(audit: &Audit, account: &str, answer: Result<PersonAnswer, &NotShown>) {
    audit.record(AuditEntry {
        question: Some(QuestionKind::Login),
        answer: Some(answer.unwrap_or(PersonAnswer::NotAsked)),
        reason: answer.err().map(ToString::to_string),
        ..AuditEntry::of_account(AuditEvent::Answered, account)
    });
}
