//! Checks the entries of `revoked.yml` for subjects that cannot match.

use std::path::Path;

use super::beyond::Findings;
use super::report::Kind;
use crate::etc::{self, PROVIDERS, REVOKED};
use crate::issuer;
use crate::policy::revoked::Revoked;
use crate::providers::Providers;
use crate::table;

/// Reports entries that revoke nobody, or probably not who is meant.
pub(super) fn check(findings: &mut Findings, revoked: &Revoked, providers: &Providers, etc: &Path) {
    let (path, option) = (REVOKED.path_in(etc), etc::option(etc));
    for entry in revoked.entries() {
        let (Some(subject), Some(issuer)) = (&entry.subject, &entry.issuer) else {
            continue;
        };
        let place = format!("{}: {}", path.display(), entry.what());
        if !providers.lists(issuer) {
            let known: Vec<String> = providers.issuers().map(str::to_owned).collect();
            let path = PROVIDERS.path_in(etc).display().to_string();
            let hint = format!(
                "{}; to take it back: sudo opkssh server revoke --undo{option} {}",
                issuer::hint(issuer, &known, &path),
                entry.selectors()
            );
            findings.error(
                Kind::RevokesNobody,
                place,
                format!("revokes nobody: issuer not found in {path}"),
                &hint,
            );
        } else if subject.contains('@') {
            let reason = "revokes nobody, unless the provider's `sub` is this mail address";
            let hint = format!(
                "by address: sudo opkssh server revoke{option} --email {}",
                table::quote(subject)
            );
            findings.warning(Kind::RevokesNobody, place, reason, &hint);
        }
    }
}
