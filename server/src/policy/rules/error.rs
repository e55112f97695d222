//! Errors of a rules file.

use super::template::TemplateError;
use crate::cidr::NotACidr;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error("not UTF-8")]
    Encoding,
    #[error("{0}")]
    Yaml(String),
    #[error("time_zone {0:?} is not known on this machine")]
    TimeZone(String),
    #[error("two rules have the name {0:?}")]
    SameName(String),
    #[error("rule {rule:?}: {slip}")]
    Rule { rule: String, slip: RuleError },
}

/// Error of one rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    #[error("the name is empty or has a control character")]
    Name,
    #[error("`issuer` is missing")]
    NoIssuer,
    #[error("an allowing rule needs `accounts` or `account_from`")]
    NoAccount,
    #[error("an allowing rule needs `when`, or `account_from`; otherwise it allows everybody")]
    Everybody,
    #[error(
        "a denying rule needs something to hold for: `when`, `issuer`, `accounts`, \
         `client_address` or a time"
    )]
    DeniesEverybody,
    #[error("`{0}` is for rules that allow")]
    OnlyAllow(&'static str),
    #[error("`missing` is for rules that deny; a claim that is missing allows nothing")]
    OnlyDeny,
    #[error("`missing` has no effect with `present`")]
    MissingPresent,
    #[error("`{0}` is empty or has an empty entry")]
    Empty(&'static str),
    #[error("a condition needs exactly one of is, is_not, glob, glob_not, has, has_not, present")]
    Operators,
    #[error(
        "{0} is neither a text, nor a whole number, nor true or false; put quotes around a text that \
         looks like a number"
    )]
    Value(String),
    #[error("pattern {0:?} is malformed")]
    Pattern(String),
    #[error("`part: local` needs `domain`, and the other way round")]
    Domain,
    #[error("`type: cidrs` has no `part`")]
    CidrPart,
    #[error("{0:?} is not a duration such as 15m, 8h, 3d, 2w")]
    Duration(String),
    #[error("{0:?} is not a time such as 2026-12-31T18:00:00Z")]
    Timestamp(String),
    #[error("`hours` needs days mon … sun and from before to, as HH:MM: {0:?}")]
    Hours(String),
    #[error("`client_address`: {0}")]
    ClientAddress(#[from] NotACidr),
    #[error("slot {0:?} is not used")]
    UnusedSlot(String),
    #[error("`{0}` contradicts another option, or does nothing without `restrict`")]
    Flag(&'static str),
    #[error("{option}: {error}")]
    Option {
        option: &'static str,
        error: TemplateError,
    },
}
