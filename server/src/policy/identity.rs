//! Identities, the second column of `auth_id`: parsing, and matching against a token's claims.
//!
//! The grammar is Go's. Where Go matches more than intended (empty cells, look-alike letters, half
//! of a group name), the identity matches nothing and has a reason.

use opkssh_protocol::json::Object;
use serde_json::Value;

use super::{Applicant, glob};

/// A parsed identity. Borrows from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Identity<'a> {
    /// `oidc:NAME:VALUE`: a top-level claim that equals, or contains, this value.
    Claim { name: &'a str, value: &'a str },
    /// `oidc-match-end:email:SUFFIX`. `@` is not implied.
    EmailEnd { suffix: &'a str, whole: &'a str },
    /// `repo:…`: a glob for the subject.
    SubjectGlob(&'a str),
    /// Anything else: the mail address, ignoring ASCII case, or the exact subject.
    Exactly(&'a str),
}

/// A set of verified claims. A file may have 100,000 identities, so what most of them are compared
/// with is looked up once.
#[derive(Debug, Clone, Copy)]
pub struct ClaimSet<'a> {
    claims: &'a Object,
    email: Option<&'a str>,
    subject: Option<&'a str>,
}

impl<'a> ClaimSet<'a> {
    pub fn new(claims: &'a Object) -> Self {
        Self {
            claims,
            email: text(claims, "email"),
            subject: text(claims, "sub"),
        }
    }

    fn is_exactly(&self, whole: &str) -> bool {
        self.email
            .is_some_and(|email| email.eq_ignore_ascii_case(whole))
            || self.subject == Some(whole)
    }
}

/// The claim sets of an applicant.
#[derive(Debug, Clone, Copy)]
pub struct ClaimSources<'a> {
    pub id_token: ClaimSet<'a>,
    refreshed: Option<ClaimSet<'a>>,
    refreshed_has_email: bool,
    userinfo: Option<ClaimSet<'a>>,
}

impl<'a> ClaimSources<'a> {
    pub fn of(who: &Applicant<'a>) -> Self {
        Self {
            id_token: ClaimSet::new(who.claims),
            refreshed: who.refreshed.map(ClaimSet::new),
            refreshed_has_email: who
                .refreshed
                .is_some_and(|claims| claims.contains_key("email")),
            userinfo: who.userinfo.map(ClaimSet::new),
        }
    }
}

const CLAIM: &str = "oidc:";
const EMAIL_END: &str = "oidc-match-end:email:";
const SUBJECT_GLOB: &str = "repo:";

impl<'a> Identity<'a> {
    /// Fails with the reason why the identity can never match.
    pub fn parse(cell: &'a str) -> Result<Self, &'static str> {
        if cell.is_empty() {
            Err("the identity is empty")
        } else if cell.eq_ignore_ascii_case(CLAIM) {
            Err("expected oidc:CLAIM:VALUE")
        } else if cell.eq_ignore_ascii_case(EMAIL_END) {
            Err("expected a suffix after oidc-match-end:email:")
        } else if cell.eq_ignore_ascii_case(SUBJECT_GLOB) {
            Err("expected a pattern after repo:")
        } else if let Some(rest) = cell.strip_prefix(CLAIM) {
            claim(rest)
        } else if let Some(suffix) = cell.strip_prefix(EMAIL_END) {
            Ok(Self::EmailEnd {
                suffix,
                whole: cell,
            })
        } else if cell.starts_with(SUBJECT_GLOB) {
            Ok(Self::SubjectGlob(cell))
        } else {
            Ok(Self::Exactly(cell))
        }
    }

    /// Returns true if the identity matches the claims, which must be verified.
    pub fn matches(&self, set: &ClaimSet<'_>) -> bool {
        match *self {
            Self::Claim { name, value } => set
                .claims
                .get(name)
                .is_some_and(|claim| claim_equals(claim, value)),
            Self::EmailEnd { suffix, whole } => {
                set.email
                    .is_some_and(|email| ends_with_ignoring_case(email, suffix))
                    || set.is_exactly(whole)
            }
            Self::SubjectGlob(pattern) => set.subject.is_some_and(|subject| {
                glob::matches(pattern, subject).unwrap_or(subject == pattern)
            }),
            Self::Exactly(whole) => set.is_exactly(whole),
        }
    }

    /// Returns true if the identity matches the ID token or userinfo, and also a refreshed ID token
    /// that has the claim.
    pub fn is_of(&self, sources: &ClaimSources<'_>) -> bool {
        let userinfo = sources.userinfo.as_ref();
        if !self.matches(&sources.id_token) && !userinfo.is_some_and(|set| self.matches(set)) {
            return false;
        }
        let refreshed = sources.refreshed.filter(|set| match self {
            Self::Claim { name, .. } => set.claims.contains_key(*name),
            Self::EmailEnd { .. } | Self::Exactly(_) => sources.refreshed_has_email,
            Self::SubjectGlob(_) => true,
        });
        refreshed.is_none_or(|set| self.matches(&set))
    }

    /// Returns true if the match depends only on the mail address.
    pub fn rests_on_email(&self, claims: &Object) -> bool {
        match *self {
            Self::EmailEnd { .. } => true,
            Self::Exactly(whole) => text(claims, "sub") != Some(whole),
            Self::Claim { name, .. } => name == "email",
            Self::SubjectGlob(_) => false,
        }
    }
}

/// Parses the part after `oidc:`. As in Go, empty pieces do not count, and quoted pieces may
/// contain colons.
fn claim(rest: &str) -> Result<Identity<'_>, &'static str> {
    let mut quoted = false;
    let ends_piece = |c: char| {
        quoted ^= c == '"';
        c == ':' && !quoted
    };
    let mut pieces = rest
        .split(ends_piece)
        .filter(|piece| !piece.is_empty())
        .map(unquoted);
    let found = (pieces.next(), pieces.next(), pieces.next());
    if rest.matches('"').count() % 2 == 1 {
        return Err("unbalanced double quotes");
    }
    match found {
        (Some(name), Some(value), None) if !name.is_empty() && !value.is_empty() => {
            Ok(Identity::Claim { name, value })
        }
        (Some(_), Some(_), Some(_)) => Err(
            "more than one ':' after the claim; write oidc:CLAIM:\"VALUE\" (protect the quotes \
             with single quotes around the cell)",
        ),
        _ => Err("expected oidc:CLAIM:VALUE"),
    }
}

fn unquoted(piece: &str) -> &str {
    piece
        .strip_prefix('"')
        .and_then(|piece| piece.strip_suffix('"'))
        .unwrap_or(piece)
}

fn text<'a>(claims: &'a Object, name: &str) -> Option<&'a str> {
    claims
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

/// Compares ASCII letters only: a Kelvin sign is not a `k`.
fn ends_with_ignoring_case(text: &str, suffix: &str) -> bool {
    text.len()
        .checked_sub(suffix.len())
        .is_some_and(|start| text.as_bytes()[start..].eq_ignore_ascii_case(suffix.as_bytes()))
}

/// Returns true if the claim, or one element of it, equals this text. Null and objects never match.
fn claim_equals(claim: &Value, expected: &str) -> bool {
    match claim {
        Value::Array(items) => items.iter().any(|item| value_equals(item, expected)),
        one => value_equals(one, expected),
    }
}

fn value_equals(claim: &Value, expected: &str) -> bool {
    match claim {
        Value::String(text) => text == expected,
        Value::Bool(value) => value.to_string() == expected,
        // as written by people, or as printed by Go for a float64
        Value::Number(number) => {
            number.to_string() == expected
                || number
                    .as_f64()
                    .is_some_and(|float| go_float(float) == expected)
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// Formats a float64 like Go's `%v`: the shortest digits, in `e` notation from a million on and
/// below 1e-4, with an exponent of at least two digits.
fn go_float(float: f64) -> String {
    let scientific = format!("{float:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return scientific;
    };
    if (-4..6).contains(&exponent) {
        return float.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests;
