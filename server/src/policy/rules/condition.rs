//! Conditions on claims, and texts taken from claims.

use opkssh_protocol::json::Object;
use opkssh_protocol::printable::{MAX_QUOTED, printable};
use serde_json::Value;

use crate::config::folded;
use crate::policy::{Applicant, glob};

/// Path of a claim: one name, or nested names from the outside in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub path: Path,
    pub test: Test,
    pub negated: bool,
    /// `missing: ignore`: a token without the claim is not denied. For deny rules.
    pub ignores_missing: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The claim is a text, number or truth value equal to one of these.
    Is(Vec<String>),
    /// The claim is a text that matches one of these patterns, with the syntax of `auth_id`.
    Glob(Vec<String>),
    /// The claim is a list that contains one of these.
    Has(Vec<String>),
    Present,
}

/// Result of a condition for a deny rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Denies {
    No,
    /// It denies, because the claim is missing.
    Missing,
    Yes,
}

/// Result of a condition for one set of claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    No,
    Missing,
    /// The claim has a type that the test cannot judge.
    InDoubt,
    Yes,
}

/// The value at a path.
enum Found<'a> {
    Value(&'a Value),
    /// Nothing, or null.
    Missing,
    /// A parent is not a mapping.
    OtherKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LetterCase {
    Exact,
    /// Mail addresses ignore letter case.
    Mail,
}

impl Path {
    /// Creates a path, which must not be empty or contain empty names.
    pub fn new(names: Vec<String>) -> Option<Self> {
        (!names.is_empty() && names.iter().all(|name| !name.is_empty())).then_some(Self(names))
    }

    pub fn of<'a>(&self, claims: &'a Object) -> Option<&'a Value> {
        match self.find(claims) {
            Found::Value(value) => Some(value),
            Found::Missing | Found::OtherKind => None,
        }
    }

    fn find<'a>(&self, claims: &'a Object) -> Found<'a> {
        let mut names = self.0.iter();
        let mut found = names.next().and_then(|name| claims.get(name));
        for name in names {
            found = match found {
                None | Some(Value::Null) => return Found::Missing,
                Some(Value::Object(inner)) => inner.get(name),
                Some(_) => return Found::OtherKind,
            };
        }
        match found {
            None | Some(Value::Null) => Found::Missing,
            Some(value) => Found::Value(value),
        }
    }

    /// Returns the claims of the refreshed ID token, if they contain the path's first name, even if
    /// it is null.
    fn in_refreshed<'a>(&self, who: &Applicant<'a>) -> Option<&'a Object> {
        let first = self.0.first()?;
        who.refreshed.filter(|claims| claims.contains_key(first))
    }

    /// Returns the newest claims of an ID token that contain the path's first name.
    pub fn newest<'a>(&self, who: &Applicant<'a>) -> &'a Object {
        self.in_refreshed(who).unwrap_or(who.claims)
    }

    /// Returns true if the path is this top-level claim.
    pub fn is_top(&self, name: &str) -> bool {
        self.0 == [name]
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0.join(" > "))
    }
}

impl Condition {
    /// Returns true if the condition [surely](Self::surely) holds, for a rule that allows. Userinfo
    /// replaces an ID token without the claim; a refreshed ID token with the claim must agree.
    pub fn allows(&self, who: &Applicant<'_>) -> bool {
        let source = match who.userinfo {
            Some(told) if self.path.of(who.claims).is_none() => told,
            _ => who.claims,
        };
        let refreshed = self.path.in_refreshed(who);
        self.surely(source) && refreshed.is_none_or(|claims| self.surely(claims))
    }

    /// Returns what the tokens have instead, for an admin who asks why the condition does not
    /// [allow](Self::allows). Never for the log: it quotes a claim.
    pub fn why_not(&self, who: &Applicant<'_>) -> String {
        let is_missing = |claims: &Object| self.path.of(claims).is_none();
        let told = who
            .userinfo
            .filter(|told| is_missing(who.claims) && !is_missing(told));
        let (claims, source) = match (told, self.path.in_refreshed(who)) {
            (Some(told), _) if !self.surely(told) => (told, "userinfo"),
            (None, _) if !self.surely(who.claims) => (who.claims, "the ID token"),
            (_, Some(claims)) => (claims, "the refreshed ID token"),
            _ => (who.claims, "the ID token"),
        };
        match self.path.find(claims) {
            Found::Value(value) => {
                let text = value.to_string();
                format!("{source} has {}", printable(&text).at_most(MAX_QUOTED))
            }
            Found::Missing => format!("{source} does not have the claim"),
            Found::OtherKind => format!("{source} has a claim of another kind there"),
        }
    }

    /// Returns whether the condition [perhaps](Self::perhaps) holds for any source with the claim,
    /// for a rule that denies.
    pub fn denies(&self, who: &Applicant<'_>) -> Denies {
        let told = [Some(who.claims), who.userinfo].into_iter().flatten();
        let told = told.filter(|claims| !matches!(self.path.find(claims), Found::Missing));
        let answers = told.chain(self.path.in_refreshed(who));
        let answer = answers.map(|claims| self.perhaps(claims)).max();
        answer.unwrap_or_else(|| self.perhaps(who.claims))
    }

    /// Returns true if the claims satisfy the condition. A missing claim satisfies neither a test
    /// nor its negation.
    pub fn surely(&self, claims: &Object) -> bool {
        match self.answer(claims, LetterCase::Exact) {
            Answer::Yes => !self.negated,
            Answer::No => self.negated,
            Answer::Missing | Answer::InDoubt => false,
        }
    }

    /// Returns the result for a rule that denies: uncertain cases deny.
    pub fn perhaps(&self, claims: &Object) -> Denies {
        let holds = match self.answer(claims, LetterCase::Mail) {
            Answer::Yes => !self.negated,
            Answer::No => self.negated,
            Answer::Missing if self.ignores_missing => false,
            Answer::Missing => return Denies::Missing,
            Answer::InDoubt => true,
        };
        if holds { Denies::Yes } else { Denies::No }
    }

    fn answer(&self, claims: &Object, letters: LetterCase) -> Answer {
        let value = match (self.path.find(claims), &self.test) {
            (Found::OtherKind, _) => return Answer::InDoubt,
            (Found::Value(_), Test::Present) => return Answer::Yes,
            (Found::Missing, Test::Present) => return Answer::No,
            (Found::Missing, _) => return Answer::Missing,
            (Found::Value(value), _) => value,
        };
        let equal = |listed: &str, text: &str| listed == text;
        match &self.test {
            Test::Present => Answer::Yes,
            Test::Is(texts) => match text_of(value) {
                Some(text) => self.compare(&text, texts, letters, equal),
                None => Answer::InDoubt,
            },
            Test::Glob(patterns) => match value.as_str() {
                // malformed patterns were refused on reading
                Some(text) => self.compare(text, patterns, letters, |pattern, text| {
                    glob::matches(pattern, text) == Ok(true)
                }),
                None => Answer::InDoubt,
            },
            Test::Has(texts) => {
                let ask = |item: &Value| match text_of(item) {
                    Some(text) => self.compare(&text, texts, letters, equal),
                    // a value of another type may name it in a different way
                    None => Answer::InDoubt,
                };
                match value {
                    Value::Array(items) => items.iter().map(ask).max().unwrap_or(Answer::No),
                    // some providers send a one-element list as its element; a text that is not
                    // equal may contain several elements, separated by blanks or commas
                    one if ask(one) == Answer::Yes => Answer::Yes,
                    _ => Answer::InDoubt,
                }
            }
        }
    }

    /// Compares mail addresses; those that are equal only under full Unicode case folding are
    /// uncertain.
    fn compare(
        &self,
        text: &str,
        listed: &[String],
        letters: LetterCase,
        holds: impl Fn(&str, &str) -> bool,
    ) -> Answer {
        if listed.iter().any(|listed| holds(listed, text)) {
            return Answer::Yes;
        }
        if letters == LetterCase::Exact {
            return Answer::No;
        }
        let mail = |listed: &&String| listed.contains('@') || self.path.is_top("email");
        let any = |fold: fn(&str) -> String| {
            let text = fold(text);
            listed
                .iter()
                .filter(mail)
                .any(|listed| holds(&fold(listed), &text))
        };
        if any(str::to_ascii_lowercase) {
            Answer::Yes
        } else if any(folded) {
            Answer::InDoubt
        } else {
            Answer::No
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (verb, texts) = match &self.test {
            Test::Is(texts) => ("is", texts.as_slice()),
            Test::Glob(patterns) => ("glob", patterns.as_slice()),
            Test::Has(texts) => ("has", texts.as_slice()),
            Test::Present => ("present", [].as_slice()),
        };
        let not = if self.negated { "not " } else { "" };
        write!(f, "claim {} {not}{verb}", self.path)?;
        match texts {
            [] => Ok(()),
            [one] => write!(f, " {one:?}"),
            several => write!(f, " one of {several:?}"),
        }
    }
}

/// Returns the text of a text, whole number or truth value.
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
