//! `rules.yml`: rules that `auth_id` cannot express. Pure. The format is described in
//! `docs/rules.md`.
//!
//! Deny rules come first, wherever they stand; then the first matching allow rule decides, with its
//! options.

mod advice;
mod condition;
mod file;
mod raw;
mod slot;
mod template;
mod window;

pub use condition::Condition;
pub use file::RulesError;

use jiff::tz::TimeZone;
use opkssh_protocol::json::Object;
use opkssh_protocol::printable::quoted;
use opkssh_protocol::time::UnixTime;

use super::{Applicant, Granted};
use crate::cidr::Cidr;
use condition::{Denies, Path, Test};
use slot::AccountName;
use template::OptionsTemplate;
use window::Window;

/// The parsed file. Without a file, there are no rules.
#[derive(Debug, Clone)]
pub struct Rules {
    rules: Vec<Rule>,
    never_accounts: Vec<String>,
    time_zone: TimeZone,
    path: String,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            rules: Vec::new(),
            never_accounts: Vec::new(),
            time_zone: TimeZone::UTC,
            path: String::new(),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub name: String,
    pub denies: bool,
    /// In a deny rule, empty means any.
    pub issuers: Vec<String>,
    /// In a deny rule, empty means any.
    pub accounts: Vec<String>,
    account_from: Option<AccountName>,
    conditions: Vec<Condition>,
    email_verified: bool,
    acr: Vec<String>,
    amr: Vec<String>,
    /// Seconds.
    max_age: Option<i64>,
    /// Seconds. Replaces the provider's expiration policy.
    max_age_since_refresh: Option<i64>,
    window: Window,
    /// Empty means any.
    client_address: Vec<Cidr>,
    options: OptionsTemplate,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleDenial {
    #[error("denied by {place}{}", missing_reason(missing.as_ref()))]
    Denied {
        place: String,
        /// The claim whose absence makes the rule deny.
        missing: Option<Path>,
    },
    #[error("{place} would allow it, but its options cannot be filled in: {reason}")]
    Options { place: String, reason: String },
}

impl Rules {
    pub fn denies(
        &self,
        who: &Applicant<'_>,
        tell: &mut dyn FnMut(String),
    ) -> Result<(), RuleDenial> {
        for rule in self.rules.iter().filter(|rule| rule.denies) {
            let place = self.place(rule);
            match rule.denied(who, &self.time_zone) {
                Ok(missing) => {
                    tell(format!("{place} denies"));
                    return Err(RuleDenial::Denied { place, missing });
                }
                Err(why) => tell(format!("{place} does not deny: {why}")),
            }
        }
        Ok(())
    }

    pub fn allows(
        &self,
        who: &Applicant<'_>,
        tell: &mut dyn FnMut(String),
    ) -> Result<Option<Granted>, RuleDenial> {
        for rule in self.rules.iter().filter(|rule| !rule.denies) {
            let place = self.place(rule);
            if let Err(why) = rule.allowed(who, &self.never_accounts, &self.time_zone) {
                tell(format!("{place} does not allow: {why}"));
                continue;
            }
            tell(format!("{place} allows"));
            // no later rule: it could have fewer restrictions
            return match rule.options.fill(who) {
                Ok(options) => Ok(Some(Granted {
                    place,
                    options,
                    by_email: rule.rests_on_email(),
                })),
                Err(reason) => Err(RuleDenial::Options { place, reason }),
            };
        }
        Ok(None)
    }

    /// Returns true if a claim may name the account, so that the account must be looked up.
    pub fn has_account_from(&self) -> bool {
        self.rules.iter().any(|rule| rule.account_from.is_some())
    }

    /// Returns true if a rule denies every token without this top-level claim.
    pub fn is_required(&self, claim: &str) -> bool {
        self.rules.iter().any(|rule| {
            rule.denies
                && rule.issuers.is_empty()
                && rule.accounts.is_empty()
                && rule.depends_on_conditions_only()
                && matches!(rule.conditions.as_slice(), [only] if only.negated
                    && only.test == Test::Present
                    && only.path.is_top(claim))
        })
    }

    pub fn have_client_address(&self) -> bool {
        self.rules.iter().any(Rule::has_client_address)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }

    fn place(&self, rule: &Rule) -> String {
        format!("{} rule {:?}", self.path, rule.name)
    }
}

impl Rule {
    /// Returns true if the rule sets environment variables, which sshd ignores by default.
    pub fn sets_environment(&self) -> bool {
        !self.options.environment.is_empty()
    }

    pub fn has_client_address(&self) -> bool {
        !self.client_address.is_empty()
    }

    /// Returns the claim that names the account, if one does.
    pub fn account_claim(&self) -> Option<String> {
        let from = self.account_from.as_ref()?;
        Some(from.text.path.to_string())
    }

    /// Returns the last second at which the rule can apply.
    pub fn not_after(&self) -> Option<UnixTime> {
        self.window.not_after
    }

    /// Returns true if `earlier` matches whenever this rule does, so that this rule is never reached.
    pub fn is_hidden_by(&self, earlier: &Self) -> bool {
        self.denies == earlier.denies
            && earlier.depends_on_conditions_only()
            && covers(&earlier.issuers, &self.issuers)
            && self.account_from.is_none()
            && covers(&earlier.accounts, &self.accounts)
            && earlier
                .conditions
                .iter()
                .all(|own| self.conditions.contains(own))
            && self.max_age_since_refresh.is_none()
    }

    /// Returns true if nothing but issuer, accounts and `when` decides whether the rule applies.
    fn depends_on_conditions_only(&self) -> bool {
        self.window == Window::default()
            && self.acr.is_empty()
            && self.amr.is_empty()
            && !self.email_verified
            && self.max_age.is_none()
            && self.max_age_since_refresh.is_none()
            && self.client_address.is_empty()
            && self.account_from.is_none()
    }

    /// Returns the missing claim that makes the rule deny, if any. Fails with the reason if the
    /// rule does not deny.
    fn denied(&self, who: &Applicant<'_>, zone: &TimeZone) -> Result<Option<Path>, String> {
        self.check_issuer(who)?;
        if !self.accounts.is_empty() {
            self.has_account(who)?;
        }
        let mut missing = None;
        for condition in &self.conditions {
            match condition.denies(who) {
                Denies::No => return Err(format!("{condition}: no")),
                Denies::Yes => {}
                Denies::Missing => missing = Some(condition.path.clone()),
            }
        }
        self.is_from(who)?;
        self.is_open(who, zone)?;
        Ok(missing)
    }

    fn allowed(
        &self,
        who: &Applicant<'_>,
        never: &[String],
        zone: &TimeZone,
    ) -> Result<(), String> {
        self.check_issuer(who)?;
        match &self.account_from {
            Some(from) if self.has_account(who).is_err() => {
                from.check(who, never)?;
            }
            _ => self.has_account(who)?,
        }
        if let Some(condition) = self.conditions.iter().find(|c| !c.allows(who)) {
            return Err(format!("{condition}: {}", condition.why_not(who)));
        }
        if self.email_verified && !who.email_verified {
            return Err("email_verified is not true in the token".into());
        }
        self.is_from(who)?;
        self.has_context(who)?;
        self.is_young(who)?;
        self.is_open(who, zone)
    }

    fn check_issuer(&self, who: &Applicant<'_>) -> Result<(), String> {
        if self.issuers.is_empty() || self.issuers.iter().any(|own| own == who.issuer) {
            return Ok(());
        }
        let bare = |issuer: &str| issuer.trim_end_matches('/').to_owned();
        let is_near = |own: &String| bare(own) == bare(who.issuer);
        let hint = match self.issuers.iter().any(is_near) {
            true => " (only the trailing slash differs)",
            false => "",
        };
        let (issuer, own) = (quoted(who.issuer), self.issuers.join(", "));
        Err(format!("the issuer is {issuer}, not {own}{hint}"))
    }

    fn has_account(&self, who: &Applicant<'_>) -> Result<(), String> {
        let account = who.principal;
        match self.accounts.iter().any(|own| own == account) {
            true => Ok(()),
            false => Err(format!("account {account:?} is not in its accounts")),
        }
    }

    /// Checks `acr` and `amr` (OpenID Connect Core section 2).
    fn has_context(&self, who: &Applicant<'_>) -> Result<(), String> {
        let newest = |name| match who.refreshed {
            Some(claims) if claims.contains_key(name) => claims,
            _ => who.claims,
        };
        self.has_context_in(who.claims, who.claims)?;
        self.has_context_in(newest("acr"), newest("amr"))
    }

    fn has_context_in(&self, for_acr: &Object, for_amr: &Object) -> Result<(), String> {
        let acr = for_acr.get("acr").and_then(|acr| acr.as_str());
        if !self.acr.is_empty() && !acr.is_some_and(|acr| self.acr.iter().any(|own| own == acr)) {
            return Err(format!(
                "acr is {}, not one of {:?}",
                acr.map_or("missing".to_owned(), |acr| quoted(acr).to_string()),
                self.acr
            ));
        }
        let methods = for_amr.get("amr").and_then(|amr| amr.as_array());
        let has = |method: &String| {
            methods.is_some_and(|all| all.iter().any(|one| one.as_str() == Some(method)))
        };
        match self.amr.iter().find(|method| !has(method)) {
            Some(method) => Err(format!("amr does not have {method:?}")),
            None => Ok(()),
        }
    }

    fn is_young(&self, who: &Applicant<'_>) -> Result<(), String> {
        let within = |issued: Option<UnixTime>, limit: i64| {
            issued.is_some_and(|issued| issued.0 > 0 && who.now.since(issued) <= limit)
        };
        if let Some(limit) = self.max_age
            && !within(who.issued_at, limit)
        {
            return Err(format!("the login is older than max_age ({limit} s)"));
        }
        match self.max_age_since_refresh {
            // a login counts like a refresh
            Some(limit) if within(who.refreshed_at.or(who.issued_at), limit) => Ok(()),
            Some(limit) => Err(format!(
                "the last verified refresh is longer ago than max_age_since_refresh ({limit} s)"
            )),
            None if who.is_unexpired => Ok(()),
            None => Err("the login has expired under the provider's expiration policy".into()),
        }
    }

    /// Checks the client's address. An unknown address matches in a deny rule, but not in an allow
    /// rule.
    fn is_from(&self, who: &Applicant<'_>) -> Result<(), String> {
        if self.client_address.is_empty() {
            return Ok(());
        }
        match who.client_address {
            Some(address) if self.client_address.iter().any(|all| all.contains(address)) => Ok(()),
            Some(address) => Err(format!("{address} is not in its client_address")),
            None if self.denies => Ok(()),
            None => Err("the client's address is not known".into()),
        }
    }

    fn is_open(&self, who: &Applicant<'_>, zone: &TimeZone) -> Result<(), String> {
        match self.window.why_closed(who.now, zone) {
            None => Ok(()),
            Some(why) => Err(format!("it does not hold at this time: {why}")),
        }
    }

    fn rests_on_email(&self) -> bool {
        !self.email_verified && self.conditions.iter().any(|c| c.path.is_top("email"))
    }
}

fn missing_reason(missing: Option<&Path>) -> String {
    missing.map_or_else(String::new, |path| {
        format!(
            ": claim {path} is missing (to let such tokens pass, add `missing: ignore` to the condition)"
        )
    })
}

fn covers(wide: &[String], narrow: &[String]) -> bool {
    wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(|one| wide.contains(one)))
}

#[cfg(test)]
mod tests;
