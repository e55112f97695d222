//! Parses `rules.yml` to [`Rules`]. A mistake anywhere makes the whole file unusable: otherwise a
//! deny rule could silently have no effect.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use opkssh_protocol::time::UnixTime;
use serde_json::Value;

use super::condition::{Condition, Path, Test};
use super::error::{RuleError, RulesError};
use super::raw::{
    Effect, Missing, Part, RawAccount, RawCondition, RawFile, RawHours, RawOptions, RawRule,
    RawSlot,
};
use super::slot::{AccountName, ClaimText, Kind};
use super::template::{FromPart, OptionsTemplate, Slot, Slots, Template};
use super::window::{self, Hours, Window};
use super::{Rule, Rules};
use crate::authorized_keys::{Endpoint, ExpiryTime, Flag, Source, UnsafeOption, VariableName};
use crate::cidr::Cidr;
use crate::policy::glob;
use crate::strict_yaml;

/// Account that no claim may name, even if the file lists other accounts and not this one.
const NEVER_ACCOUNT: &str = "root";

impl Rules {
    /// Reads the file. `path` is for messages.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self, RulesError> {
        let text = std::str::from_utf8(bytes).map_err(|_| RulesError::Encoding)?;
        let file: Option<RawFile> = strict_yaml::read(text).map_err(RulesError::Yaml)?;
        let file = file.unwrap_or_default();
        let time_zone = match file.time_zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(&name).map_err(|_| RulesError::TimeZone(name))?,
        };
        let mut rules: Vec<Rule> = Vec::new();
        for raw in file.rules.unwrap_or_default() {
            let name = raw.name.clone();
            if rules.iter().any(|known| known.name == name) {
                return Err(RulesError::SameName(name));
            }
            let rule = rule(raw).map_err(|slip| RulesError::Rule { rule: name, slip })?;
            rules.push(rule);
        }
        Ok(Self {
            rules,
            never_accounts: std::iter::once(NEVER_ACCOUNT.to_owned())
                .chain(file.never_accounts.unwrap_or_default())
                .collect(),
            time_zone,
            path: path.to_owned(),
        })
    }
}

fn rule(raw: RawRule) -> Result<Rule, RuleError> {
    if raw.name.is_empty() || raw.name.contains(char::is_control) {
        return Err(RuleError::Name);
    }
    let denies = raw.effect == Effect::Deny;
    let issuers = texts("issuer", raw.issuer.as_ref())?;
    let accounts = texts("accounts", raw.accounts.as_ref())?;
    let conditions = raw.when.unwrap_or_default();
    let conditions = conditions
        .into_iter()
        .map(condition)
        .collect::<Result<Vec<_>, _>>()?;
    if !denies && conditions.iter().any(|c| c.ignores_missing) {
        return Err(RuleError::OnlyDeny);
    }
    let window = Window {
        not_before: raw.not_before.as_deref().map(timestamp).transpose()?,
        not_after: raw.not_after.as_deref().map(timestamp).transpose()?,
        hours: match raw.hours {
            None => Vec::new(),
            Some(all) if all.is_empty() => return Err(RuleError::Empty("hours")),
            Some(all) => all.into_iter().map(hours).collect::<Result<_, _>>()?,
        },
    };
    let client_address = texts("client_address", raw.client_address.as_ref())?
        .iter()
        .map(|text| Cidr::parse(text))
        .collect::<Result<Vec<_>, _>>()?;
    if denies {
        for (name, given) in [
            ("account_from", raw.account_from.is_some()),
            ("email_verified", raw.email_verified.is_some()),
            ("acr", raw.acr.is_some()),
            ("amr", raw.amr.is_some()),
            ("max_age", raw.max_age.is_some()),
            ("max_age_since_refresh", raw.max_age_since_refresh.is_some()),
            ("slots", raw.slots.is_some()),
            ("options", raw.options.is_some()),
        ] {
            if given {
                return Err(RuleError::OnlyAllow(name));
            }
        }
        if issuers.is_empty()
            && accounts.is_empty()
            && conditions.is_empty()
            && client_address.is_empty()
            && window == Window::default()
        {
            return Err(RuleError::DeniesEverybody);
        }
    } else if issuers.is_empty() {
        return Err(RuleError::NoIssuer);
    } else if accounts.is_empty() && raw.account_from.is_none() {
        return Err(RuleError::NoAccount);
    } else if conditions.is_empty() && !(accounts.is_empty() && raw.account_from.is_some()) {
        return Err(RuleError::Everybody);
    }
    let account_from = raw.account_from.map(account).transpose()?;
    let by_mail = account_from
        .as_ref()
        .is_some_and(|account| account.text.is_from_mail());
    let slots = slots(
        raw.slots.unwrap_or_default(),
        raw.email_verified.unwrap_or(true),
    )?;
    let mut options = options(raw.options.unwrap_or_default(), &slots)?;
    if !denies && options.from.is_empty() {
        // sshd enforces it for the session, too
        let sources = client_address.iter().copied().map(Source::from);
        options.from = sources.map(FromPart::Fixed).collect();
    }
    if let Some(unused) = slots
        .keys()
        .find(|slot| !options.slots().any(|used| used == *slot))
    {
        return Err(RuleError::UnusedSlot(unused.clone()));
    }
    Ok(Rule {
        name: raw.name,
        denies,
        issuers,
        accounts,
        account_from,
        conditions,
        // anybody can register a name in an unverified mail address
        email_verified: raw.email_verified.unwrap_or(by_mail),
        acr: texts("acr", raw.acr.as_ref())?,
        amr: texts("amr", raw.amr.as_ref())?,
        max_age: raw.max_age.as_deref().map(seconds).transpose()?,
        max_age_since_refresh: raw
            .max_age_since_refresh
            .as_deref()
            .map(seconds)
            .transpose()?,
        window,
        client_address,
        slots,
        options,
    })
}

fn condition(raw: RawCondition) -> Result<Condition, RuleError> {
    let path = path(&raw.claim)?;
    let mut found = Vec::new();
    for (value, negated, test) in [
        (&raw.is, false, Test::Is as fn(Vec<String>) -> Test),
        (&raw.is_not, true, Test::Is),
        (&raw.glob, false, Test::Glob),
        (&raw.glob_not, true, Test::Glob),
        (&raw.has, false, Test::Has),
        (&raw.has_not, true, Test::Has),
    ] {
        if value.is_some() {
            found.push((test(texts("when", value.as_ref())?), negated));
        }
    }
    if let Some(present) = raw.present {
        found.push((Test::Present, !present));
    }
    let Ok([(test, negated)]) = <[_; 1]>::try_from(found) else {
        return Err(RuleError::Operators);
    };
    if raw.missing.is_some() && test == Test::Present {
        return Err(RuleError::MissingPresent);
    }
    if let Test::Glob(patterns) = &test
        && let Some(bad) = patterns
            .iter()
            .find(|pattern| glob::matches(pattern, "").is_err())
    {
        return Err(RuleError::Pattern(bad.clone()));
    }
    Ok(Condition {
        path,
        test,
        negated,
        ignores_missing: matches!(raw.missing, Some(Missing::Ignore)),
    })
}

/// Reads a name, or a list of names from the outside in.
fn path(claim: &Value) -> Result<Path, RuleError> {
    Path::new(texts("claim", Some(claim))?).ok_or(RuleError::Empty("claim"))
}

fn claim_text(
    claim: &Value,
    part: Option<Part>,
    domain: Option<&Value>,
) -> Result<ClaimText, RuleError> {
    let mail_domains = match (part, domain) {
        (Some(Part::Local), Some(_)) => Some(texts("domain", domain)?),
        (None, None) => None,
        _ => return Err(RuleError::Domain),
    };
    Ok(ClaimText {
        path: path(claim)?,
        mail_domains,
    })
}

fn account(raw: RawAccount) -> Result<AccountName, RuleError> {
    Ok(AccountName {
        text: claim_text(&raw.claim, raw.part, raw.domain.as_ref())?,
        prefix: raw.prefix.unwrap_or_default(),
        suffix: raw.suffix.unwrap_or_default(),
    })
}

/// Reads slots. `verified`: mail addresses must be verified.
fn slots(raw: BTreeMap<String, RawSlot>, verified: bool) -> Result<Slots, RuleError> {
    raw.into_iter()
        .map(|(name, raw)| {
            if raw.kind == Kind::Cidrs && raw.part.is_some() {
                return Err(RuleError::CidrPart);
            }
            let text = claim_text(&raw.claim, raw.part, raw.domain.as_ref())?;
            Ok((
                name,
                Slot {
                    must_be_verified: verified && text.is_from_mail(),
                    text,
                    kind: raw.kind,
                },
            ))
        })
        .collect()
}

fn options(raw: RawOptions, slots: &Slots) -> Result<OptionsTemplate, RuleError> {
    let mut flags = Vec::new();
    if raw.restrict {
        flags.push(Flag::Restrict);
    }
    for (yes, grant, no, refuse) in [
        (
            raw.agent_forwarding,
            Flag::AgentForwarding,
            raw.no_agent_forwarding,
            Flag::NoAgentForwarding,
        ),
        (
            raw.port_forwarding,
            Flag::PortForwarding,
            raw.no_port_forwarding,
            Flag::NoPortForwarding,
        ),
        (raw.pty, Flag::Pty, raw.no_pty, Flag::NoPty),
        (raw.user_rc, Flag::UserRc, raw.no_user_rc, Flag::NoUserRc),
        (
            raw.x11_forwarding,
            Flag::X11Forwarding,
            raw.no_x11_forwarding,
            Flag::NoX11Forwarding,
        ),
    ] {
        if yes && (no || !raw.restrict) {
            return Err(RuleError::Flag(grant.name()));
        }
        flags.extend(yes.then_some(grant));
        flags.extend(no.then_some(refuse));
    }
    let slip = |option| move |error| RuleError::Option { option, error };
    let unsafe_slip = |option| {
        move |error: UnsafeOption| RuleError::Option {
            option,
            error: error.into(),
        }
    };
    let endpoints =
        |option, value: Option<&Value>, read: fn(&str) -> Result<Endpoint, UnsafeOption>| {
            let texts = texts(option, value)?;
            texts
                .iter()
                .map(|text| read(text).map_err(unsafe_slip(option)))
                .collect::<Result<Vec<_>, _>>()
        };
    let template = |option, text: &str| Template::parse(text, slots).map_err(slip(option));
    Ok(OptionsTemplate {
        flags,
        command: raw
            .command
            .map(|text| template("command", &text))
            .transpose()?,
        from: texts("from", raw.from.as_ref())?
            .iter()
            .map(|text| FromPart::parse(text, slots).map_err(slip("from")))
            .collect::<Result<_, _>>()?,
        permitopen: endpoints("permitopen", raw.permitopen.as_ref(), Endpoint::open)?,
        permitlisten: endpoints("permitlisten", raw.permitlisten.as_ref(), Endpoint::listen)?,
        environment: raw
            .environment
            .unwrap_or_default()
            .iter()
            .map(|(name, value)| {
                let name = VariableName::new(name).map_err(unsafe_slip("environment"))?;
                Ok((name, template("environment", value)?))
            })
            .collect::<Result<_, RuleError>>()?,
        expiry_time: raw
            .expiry_time
            .map(|text| ExpiryTime::new(&text).map_err(unsafe_slip("expiry-time")))
            .transpose()?,
    })
}

fn hours(raw: RawHours) -> Result<Hours, RuleError> {
    let slip = || RuleError::Hours(format!("{}-{}", raw.from, raw.to));
    let days = raw.days.clone().unwrap_or_default();
    let days: Option<Vec<_>> = days.iter().map(|day| window::day(day)).collect();
    let from = window::time(&raw.from).flatten().ok_or_else(slip)?;
    let to = window::time(&raw.to).ok_or_else(slip)?;
    let days = days.ok_or_else(slip)?;
    // over midnight needs two entries, so that the day is unambiguous
    if to.is_some_and(|to| to <= from) || (raw.days.is_some() && days.is_empty()) {
        return Err(slip());
    }
    Ok(Hours { days, from, to })
}

fn timestamp(text: &str) -> Result<UnixTime, RuleError> {
    let timestamp: Timestamp = text
        .parse()
        .map_err(|_| RuleError::Timestamp(text.to_owned()))?;
    Ok(UnixTime(timestamp.as_second()))
}

fn seconds(text: &str) -> Result<i64, RuleError> {
    window::duration(text).ok_or_else(|| RuleError::Duration(text.to_owned()))
}

/// Reads one text or a list of texts, which must not be empty.
fn texts(name: &'static str, value: Option<&Value>) -> Result<Vec<String>, RuleError> {
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let texts = items
        .iter()
        .map(|item| match item {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(value) => Ok(value.to_string()),
            Value::Number(number) if !number.is_f64() => Ok(number.to_string()),
            other => Err(RuleError::Value(other.to_string())),
        })
        .collect::<Result<Vec<_>, _>>()?;
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err(RuleError::Empty(name));
    }
    Ok(texts)
}
