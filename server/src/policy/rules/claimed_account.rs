//! Checks whether a claim may name the account that sshd asks about.

use opkssh_protocol::printable::quoted;

use super::slot::AccountName;
use crate::account::AccountKind;
use crate::policy::Applicant;

/// Fails if `from` gives another account in either ID token, or an account that is not a person's.
pub fn check(from: &AccountName, who: &Applicant<'_>, never: &[String]) -> Result<(), String> {
    for claims in [who.claims, from.text.path.newest(who)] {
        let account = from.of(claims)?;
        if account != who.principal {
            return Err(format!(
                "it gives account {}, not {:?}",
                quoted(&account),
                who.principal
            ));
        }
    }
    may_be_claimed(who, never)
}

/// Returns why no claim may name this account, if so. Other names of the same uid count as the
/// account.
fn may_be_claimed(who: &Applicant<'_>, never: &[String]) -> Result<(), String> {
    let account = who.principal;
    if never.iter().any(|never| never == account) {
        return Err(format!("account {account:?} is one of never_accounts"));
    }
    let Some(standing) = who.account.filter(|standing| standing.name == account) else {
        return Err(format!("account {account:?} could not be looked up"));
    };
    if let Some(alias) = standing.aliases.iter().find(|alias| never.contains(alias)) {
        return Err(format!(
            "account {account:?} has the uid of {alias:?}, which is one of never_accounts"
        ));
    }
    match standing.kind {
        AccountKind::Person => Ok(()),
        kind => Err(format!("no claim may name account {account:?}: {kind}")),
    }
}
