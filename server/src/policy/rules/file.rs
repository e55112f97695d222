//! Parses `rules.yml` to [`Rules`]. A mistake anywhere makes the whole file unusable: otherwise a
//! deny rule could silently have no effect.

use std::collections::BTreeMap;
use std::fmt::Display;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use opkssh_protocol::time::UnixTime;
use serde_json::Value;

use super::advice::NEVER_ACCOUNT;
use super::condition::{Condition, Path, Test, text_of};
use super::raw::{
    Effect, Missing, Part, RawAccount, RawCondition, RawFile, RawHours, RawOptions, RawRule,
    RawSlot,
};
use super::slot::{AccountName, ClaimText, Kind, Slot};
use super::template::{FromPart, OptionsTemplate, Slots, Template};
use super::window::{self, Hours, Window};
use super::{Rule, Rules};
use crate::authorized_keys::{Endpoint, ExpiryTime, Flag, Source, UnsafeOption, VariableName};
use crate::cidr::Cidr;
use crate::deadline;
use crate::policy::glob;
use crate::strict_yaml;
use crate::yaml_place;

/// Reason why the file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RulesError(String);

impl Rules {
    /// Reads the file. `path` is for messages.
    pub fn parse(path: &str, bytes: &[u8]) -> Result<Self, RulesError> {
        let file: Option<RawFile> = strict_yaml::read(bytes).map_err(RulesError)?;
        let file = file.unwrap_or_default();
        let time_zone = match file.time_zone {
            None => TimeZone::UTC,
            Some(name) => TimeZone::get(&name).map_err(|_| {
                RulesError(format!("time_zone {name:?} is not known on this machine"))
            })?,
        };
        let mut rules: Vec<Rule> = Vec::new();
        for (index, raw) in file.rules.unwrap_or_default().into_iter().enumerate() {
            let name = raw.name.clone();
            let wrong = |slip: &str| {
                let line = yaml_place::line_of(bytes, &format!(".rules[{index}]"));
                RulesError(format!("{line}{slip}"))
            };
            if rules.iter().any(|known| known.name == name) {
                return Err(wrong(&format!("two rules have the name {name:?}")));
            }
            let rule = rule(raw).map_err(|slip| wrong(&format!("rule {name:?}: {slip}")))?;
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

fn rule(raw: RawRule) -> Result<Rule, String> {
    if raw.name.is_empty() || raw.name.contains(char::is_control) {
        return Err("the name is empty or has a control character".into());
    }
    let denies = raw.effect == Effect::Deny;
    let issuers = texts("issuer", raw.issuer.as_ref())?;
    let accounts = texts("accounts", raw.accounts.as_ref())?;
    let conditions = raw.when.unwrap_or_default().into_iter().map(condition);
    let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
    if !denies && conditions.iter().any(|c| c.ignores_missing) {
        return Err(
            "`missing` is for rules that deny; a claim that is missing allows nothing".into(),
        );
    }
    let window = Window {
        not_before: raw.not_before.as_deref().map(timestamp).transpose()?,
        not_after: raw.not_after.as_deref().map(timestamp).transpose()?,
        hours: match raw.hours {
            None => Vec::new(),
            Some(all) if all.is_empty() => return Err(empty("hours")),
            Some(all) => all.into_iter().map(hours).collect::<Result<_, _>>()?,
        },
    };
    let client_address = texts("client_address", raw.client_address.as_ref())?
        .iter()
        .map(|text| Cidr::parse(text).map_err(|error| format!("`client_address`: {error}")))
        .collect::<Result<Vec<_>, _>>()?;
    if denies {
        let allowing = [
            ("account_from", raw.account_from.is_some()),
            ("email_verified", raw.email_verified.is_some()),
            ("acr", raw.acr.is_some()),
            ("amr", raw.amr.is_some()),
            ("max_age", raw.max_age.is_some()),
            ("max_age_since_refresh", raw.max_age_since_refresh.is_some()),
            ("slots", raw.slots.is_some()),
            ("options", raw.options.is_some()),
        ];
        if let Some((name, _)) = allowing.into_iter().find(|(_, is_given)| *is_given) {
            return Err(format!("`{name}` is for rules that allow"));
        }
        if issuers.is_empty()
            && accounts.is_empty()
            && conditions.is_empty()
            && client_address.is_empty()
            && window == Window::default()
        {
            return Err(
                "a denying rule needs something to hold for: `when`, `issuer`, `accounts`, \
                 `client_address` or a time"
                    .into(),
            );
        }
    } else if issuers.is_empty() {
        return Err("`issuer` is missing".into());
    } else if accounts.is_empty() && raw.account_from.is_none() {
        return Err("an allowing rule needs `accounts` or `account_from`".into());
    } else if conditions.is_empty() && !(accounts.is_empty() && raw.account_from.is_some()) {
        return Err(
            "an allowing rule needs `when`, or `account_from`; otherwise it allows everybody"
                .into(),
        );
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
    let is_used = |name: &String| options.slots().any(|slot| slot.name == *name);
    if let Some(unused) = slots.keys().find(|name| !is_used(name)) {
        return Err(format!("slot {unused:?} is not used"));
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
        max_age_since_refresh: (raw.max_age_since_refresh.as_deref())
            .map(seconds)
            .transpose()?,
        window,
        client_address,
        options,
    })
}

fn condition(raw: RawCondition) -> Result<Condition, String> {
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
        return Err(
            "a condition needs exactly one of is, is_not, glob, glob_not, has, has_not, present"
                .into(),
        );
    };
    if raw.missing.is_some() && test == Test::Present {
        return Err("`missing` has no effect with `present`".into());
    }
    let is_malformed = |pattern: &&String| glob::matches(pattern, "").is_err();
    if let Test::Glob(patterns) = &test
        && let Some(bad) = patterns.iter().find(is_malformed)
    {
        return Err(format!("pattern {bad:?} is malformed"));
    }
    Ok(Condition {
        path,
        test,
        negated,
        ignores_missing: matches!(raw.missing, Some(Missing::Ignore)),
    })
}

fn path(claim: &Value) -> Result<Path, String> {
    Path::new(texts("claim", Some(claim))?).ok_or_else(|| empty("claim"))
}

fn claim_text(
    claim: &Value,
    part: Option<Part>,
    domain: Option<&Value>,
) -> Result<ClaimText, String> {
    let mail_domains = match (part, domain) {
        (Some(Part::Local), Some(_)) => Some(texts("domain", domain)?),
        (None, None) => None,
        _ => return Err("`part: local` needs `domain`, and the other way round".into()),
    };
    Ok(ClaimText {
        path: path(claim)?,
        mail_domains,
    })
}

fn account(raw: RawAccount) -> Result<AccountName, String> {
    Ok(AccountName {
        text: claim_text(&raw.claim, raw.part, raw.domain.as_ref())?,
        prefix: raw.prefix.unwrap_or_default(),
        suffix: raw.suffix.unwrap_or_default(),
    })
}

/// Reads slots. `verified`: mail addresses must be verified.
fn slots(raw: BTreeMap<String, RawSlot>, verified: bool) -> Result<Slots, String> {
    let slot = |(name, raw): (String, RawSlot)| {
        if raw.kind == Kind::Cidrs && raw.part.is_some() {
            return Err("`type: cidrs` has no `part`".to_owned());
        }
        let text = claim_text(&raw.claim, raw.part, raw.domain.as_ref())?;
        let slot = Slot {
            name: name.clone(),
            must_be_verified: verified && text.is_from_mail(),
            text,
            kind: raw.kind,
        };
        Ok((name, slot))
    };
    raw.into_iter().map(slot).collect()
}

fn options(raw: RawOptions, slots: &Slots) -> Result<OptionsTemplate, String> {
    let mut flags = Vec::new();
    flags.extend(raw.restrict.then_some(Flag::RESTRICT));
    let given = [
        (raw.agent_forwarding, raw.no_agent_forwarding),
        (raw.port_forwarding, raw.no_port_forwarding),
        (raw.pty, raw.no_pty),
        (raw.user_rc, raw.no_user_rc),
        (raw.x11_forwarding, raw.no_x11_forwarding),
    ];
    for ((grant, refuse), (yes, no)) in Flag::PAIRS.into_iter().zip(given) {
        if yes && (no || !raw.restrict) {
            return Err(format!(
                "`{}` contradicts another option, or does nothing without `restrict`",
                grant.name()
            ));
        }
        flags.extend(yes.then_some(grant));
        flags.extend(no.then_some(refuse));
    }
    let endpoints =
        |option, value: Option<&Value>, read: fn(&str) -> Result<Endpoint, UnsafeOption>| {
            let texts = texts(option, value)?;
            let endpoints = texts.iter().map(|text| read(text).map_err(slip(option)));
            endpoints.collect::<Result<Vec<_>, _>>()
        };
    let template = |option, text: &str| Template::parse(text, slots).map_err(slip(option));
    let variable = |(name, value): (String, String)| {
        let name = VariableName::new(&name).map_err(slip("environment"))?;
        Ok((name, template("environment", &value)?))
    };
    let environment = raw.environment.unwrap_or_default();
    Ok(OptionsTemplate {
        flags,
        command: (raw.command)
            .map(|text| template("command", &text))
            .transpose()?,
        from: texts("from", raw.from.as_ref())?
            .iter()
            .map(|text| FromPart::parse(text, slots).map_err(slip("from")))
            .collect::<Result<_, _>>()?,
        permitopen: endpoints("permitopen", raw.permitopen.as_ref(), Endpoint::open)?,
        permitlisten: endpoints("permitlisten", raw.permitlisten.as_ref(), Endpoint::listen)?,
        environment: environment
            .into_iter()
            .map(variable)
            .collect::<Result<_, String>>()?,
        expiry_time: (raw.expiry_time)
            .map(|text| ExpiryTime::new(&text).map_err(slip("expiry-time")))
            .transpose()?,
    })
}

fn slip<E: Display>(option: &'static str) -> impl Fn(E) -> String {
    move |error| format!("{option}: {error}")
}

fn empty(name: &str) -> String {
    format!("`{name}` is empty or has an empty entry")
}

fn hours(raw: RawHours) -> Result<Hours, String> {
    let slip = || {
        let hours = format!("{}-{}", raw.from, raw.to);
        format!("`hours` needs days mon … sun and from before to, as HH:MM: {hours:?}")
    };
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

fn timestamp(text: &str) -> Result<UnixTime, String> {
    match text.parse::<Timestamp>() {
        Ok(timestamp) => Ok(UnixTime(timestamp.as_second())),
        Err(_) => Err(format!(
            "{text:?} is not a time such as 2026-12-31T18:00:00Z"
        )),
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    deadline::parse_seconds(text)
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| {
            format!(
                "{text:?} is not a duration: write e.g. {}",
                deadline::EXAMPLES
            )
        })
}

/// Reads one text or a list of texts, which must not be empty.
fn texts(name: &'static str, value: Option<&Value>) -> Result<Vec<String>, String> {
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Value::Array(items)) => items.as_slice(),
        Some(one) => std::slice::from_ref(one),
    };
    let text = |item: &Value| {
        text_of(item).ok_or_else(|| {
            format!(
                "`{name}`: {item} is neither a text, nor a whole number, nor true or false; put quotes \
                 around a text that looks like a number"
            )
        })
    };
    let texts = items.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    if texts.is_empty() || texts.iter().any(String::is_empty) {
        return Err(empty(name));
    }
    Ok(texts)
}
