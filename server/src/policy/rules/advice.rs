//! What a refused login could be let in by, and how far an old login can be decided again.

use super::{Rule, Rules};
use crate::policy::{Advice, Applicant, RecordedMatch};

/// Account that no claim may name, and that no row is proposed for.
pub(super) const NEVER_ACCOUNT: &str = "root";

impl Rules {
    /// Returns what could let in a login that no rule allows. A row of `auth_id` has no options, so
    /// none is proposed where a rule names the account, or for an account that no claim may name.
    pub fn advice(&self, who: &Applicant<'_>) -> Advice {
        let allowing = self.rules.iter().filter(|rule| !rule.denies);
        let near = allowing.filter(|rule| rule.names_account(who));
        let nearest = near.min_by_key(|rule| rule.check_issuer(who).is_err());
        if let Some(rule) = nearest
            && let Err(why) = rule.allowed(who, &self.never_accounts, &self.time_zone)
        {
            let place = self.place(rule);
            return Advice::Rule { place, why };
        }
        let account = who.principal;
        let is_never = account == NEVER_ACCOUNT || self.never_accounts.iter().any(|n| n == account);
        if is_never {
            Advice::NewRule
        } else {
            Advice::Row
        }
    }

    /// Returns the first rule of this effect that matches, by what the log records of a login:
    /// issuer, subject, mail address and account. An earlier rule that may match is in the result
    /// as well.
    pub fn recorded(&self, who: &Applicant<'_>, denies: bool) -> (RecordedMatch, String) {
        let mut first_doubt = None;
        for rule in self.rules.iter().filter(|rule| rule.denies == denies) {
            match rule.recorded(who) {
                RecordedMatch::No => {}
                RecordedMatch::Yes => return (RecordedMatch::Yes, self.place(rule)),
                RecordedMatch::Unknown => {
                    first_doubt.get_or_insert_with(|| self.place(rule));
                }
            }
        }
        match first_doubt {
            Some(place) => (RecordedMatch::Unknown, place),
            None => (RecordedMatch::No, String::new()),
        }
    }
}

impl Rule {
    /// Returns true if the rule may allow this account to somebody of this issuer.
    fn names_account(&self, who: &Applicant<'_>) -> bool {
        let by_claim = |from: &super::AccountName| {
            let named = from.of(who.claims);
            named.map_or(self.check_issuer(who).is_ok(), |name| name == who.principal)
        };
        self.has_account(who).is_ok() || self.account_from.as_ref().is_some_and(by_claim)
    }

    fn recorded(&self, who: &Applicant<'_>) -> RecordedMatch {
        let is_any = self.denies && self.accounts.is_empty();
        let has_account = is_any || self.has_account(who).is_ok();
        let (known, others): (Vec<_>, Vec<_>) = (self.conditions.iter())
            .partition(|condition| who.claims.keys().any(|name| condition.path.is_top(name)));
        let fails = |condition: &&super::Condition| match self.denies {
            true => condition.denies(who) == super::Denies::No,
            false => !condition.allows(who),
        };
        if self.check_issuer(who).is_err()
            || !(has_account || self.account_from.is_some())
            || known.iter().any(fails)
        {
            RecordedMatch::No
        } else if has_account && others.is_empty() && self.depends_on_conditions_only() {
            RecordedMatch::Yes
        } else {
            RecordedMatch::Unknown
        }
    }
}
