//! Conditions on claims, and texts taken from them.

use opkssh_protocol::json::Object;
use serde_json::Value;

use crate::policy::{Applicant, glob};

/// Where a claim is: its name, or names from the outside in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<String>);

/// One demand on one claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub path: Path,
    pub test: Test,
    pub negated: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// A text, number or truth value that is one of these.
    Is(Vec<String>),
    /// A text that one of these patterns matches, as in `auth_id`.
    Glob(Vec<String>),
    /// A list that holds one of these.
    Has(Vec<String>),
    /// Is there at all.
    Present,
}

/// What the claims say about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    /// The claim is not there.
    Missing,
    /// It is there, as something that the test is not for.
    OtherKind,
}

impl Path {
    /// Not empty, and no empty name in it.
    pub fn new(names: Vec<String>) -> Option<Self> {
        (!names.is_empty() && names.iter().all(|name| !name.is_empty())).then_some(Self(names))
    }

    /// The claim, unless it is missing or null.
    pub fn of<'a>(&self, claims: &'a Object) -> Option<&'a Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter()
            .try_fold(claims.get(first)?, |value, name| {
                value.as_object()?.get(name)
            })
            .filter(|value| !value.is_null())
    }

    /// Is it this claim, at the top level?
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
    /// [`Surely`](Self::surely) so, for a rule that allows. What the ID token does not say at all,
    /// userinfo may.
    pub fn allows(&self, who: &Applicant<'_>) -> bool {
        self.surely(self.source(who))
    }

    /// [`Perhaps`](Self::perhaps) so by either source, for a rule that denies.
    pub fn denies(&self, who: &Applicant<'_>) -> bool {
        let told = who.userinfo.filter(|told| self.path.of(told).is_some());
        self.perhaps(self.source(who)) || told.is_some_and(|told| self.perhaps(told))
    }

    fn source<'a>(&self, who: &Applicant<'a>) -> &'a Object {
        match who.userinfo {
            Some(told) if self.path.of(who.claims).is_none() => told,
            _ => who.claims,
        }
    }

    /// Surely so. What the claims do not say is not so, and neither is its contrary.
    pub fn surely(&self, claims: &Object) -> bool {
        match self.answer(claims) {
            Answer::Yes => !self.negated,
            Answer::No => self.negated,
            Answer::Missing | Answer::OtherKind => false,
        }
    }

    /// Perhaps so, for a rule that denies: in doubt, it is. That a claim is not there is no doubt
    /// about what it would have to say.
    pub fn perhaps(&self, claims: &Object) -> bool {
        match self.answer(claims) {
            Answer::Yes => !self.negated,
            Answer::No | Answer::Missing => self.negated,
            Answer::OtherKind => true,
        }
    }

    fn answer(&self, claims: &Object) -> Answer {
        let yes = |yes| if yes { Answer::Yes } else { Answer::No };
        let value = match (self.path.of(claims), &self.test) {
            (value, Test::Present) => return yes(value.is_some()),
            (None, _) => return Answer::Missing,
            (Some(value), _) => value,
        };
        match &self.test {
            Test::Present => Answer::Yes,
            Test::Is(texts) => match text_of(value) {
                Some(text) => yes(texts.contains(&text)),
                None => Answer::OtherKind,
            },
            Test::Glob(patterns) => match value.as_str() {
                // malformed ones were refused when they were read
                Some(text) => yes(patterns
                    .iter()
                    .any(|pattern| glob::matches(pattern, text) == Ok(true))),
                None => Answer::OtherKind,
            },
            Test::Has(texts) => {
                let is_wanted = |item: &Value| text_of(item).is_some_and(|it| texts.contains(&it));
                match value {
                    Value::Array(items) if items.iter().any(is_wanted) => Answer::Yes,
                    // what is no text may name it in some other way
                    Value::Array(items) if items.iter().all(|item| text_of(item).is_some()) => {
                        Answer::No
                    }
                    // some providers send a list of one as its element; but a text that is not
                    // the element may hold several, with blanks or commas
                    one if is_wanted(one) => Answer::Yes,
                    _ => Answer::OtherKind,
                }
            }
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

/// A text, a whole number or a truth value, as people write it.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Object {
        let claims = r#"{"env":"staging","n":1000000,"ok":true,"null":null,"half":0.5,
            "groups":["a:b","c d"],"one":"admins","https://x.example/role":"lead",
            "realm_access":{"roles":["dev"]},"object":{},"empty":[],
            "scope":"openid contractor","mixed":["dev",{"name":"suspended"}],"halves":[0.5],
            "nested":[["dev"]]}"#;
        opkssh_protocol::json::parse_object(claims.as_bytes()).unwrap()
    }

    fn ask(path: &[&str], test: Test, negated: bool) -> (bool, bool) {
        let names = path.iter().map(|name| (*name).to_owned()).collect();
        let condition = Condition {
            path: Path::new(names).unwrap(),
            test,
            negated,
        };
        (condition.surely(&claims()), condition.perhaps(&claims()))
    }

    fn is(text: &str) -> Test {
        Test::Is(vec!["other".into(), text.into()])
    }

    fn has(text: &str) -> Test {
        Test::Has(vec![text.into()])
    }

    fn glob(text: &str) -> Test {
        Test::Glob(vec![text.into()])
    }

    #[test]
    fn what_the_claims_say() {
        for (path, test) in [
            (&["env"][..], is("staging")),
            (&["n"], is("1000000")),
            (&["ok"], is("true")),
            (&["https://x.example/role"], is("lead")),
            (&["env"], glob("st*")),
            (&["groups"], has("a:b")),
            (&["groups"], has("c d")),
            (&["one"], has("admins")),
            (&["realm_access", "roles"], has("dev")),
            (&["mixed"], has("dev")),
            (&["env"], Test::Present),
        ] {
            assert_eq!(
                ask(path, test.clone(), false),
                (true, true),
                "{path:?} {test:?}"
            );
            assert_eq!(
                ask(path, test.clone(), true),
                (false, false),
                "{path:?} {test:?}"
            );
        }
    }

    #[test]
    fn what_they_deny() {
        for (path, test) in [
            (&["env"][..], is("Staging")),
            (&["env"], is("stag")),
            (&["env"], glob("s?")),
            (&["groups"], has("b")),
            (&["groups"], has("a")),
            (&["empty"], has("a")),
            (&["null"], Test::Present),
            (&["none"], Test::Present),
        ] {
            assert_eq!(
                ask(path, test.clone(), false),
                (false, false),
                "{path:?} {test:?}"
            );
            assert_eq!(
                ask(path, test.clone(), true),
                (true, true),
                "{path:?} {test:?}"
            );
        }
    }

    #[test]
    fn what_they_do_not_say_allows_nobody() {
        for path in [
            &["none"][..],
            &["null"],
            &["realm_access", "none"],
            &["env", "x"],
        ] {
            for test in [is("staging"), has("staging"), glob("*")] {
                assert_eq!(
                    ask(path, test.clone(), false),
                    (false, false),
                    "{path:?} {test:?}"
                );
                // "not from the office" denies whoever does not say where he is
                assert_eq!(
                    ask(path, test.clone(), true),
                    (false, true),
                    "{path:?} {test:?}"
                );
            }
        }
    }

    #[test]
    fn claims_of_another_kind_allow_nobody_and_deny() {
        for (path, test) in [
            (&["groups"][..], is("a:b")),
            (&["groups"], glob("*")),
            (&["object"], is("{}")),
            (&["object"], has("x")),
            (&["half"], is("0.5")),
            (&["n"], glob("*")),
            (&["scope"], has("contractor")),
            (&["one"], has("dev")),
            (&["n"], has("1")),
            (&["mixed"], has("suspended")),
            (&["halves"], has("0.5")),
            (&["nested"], has("dev")),
        ] {
            for negated in [false, true] {
                assert_eq!(
                    ask(path, test.clone(), negated),
                    (false, true),
                    "{path:?} {test:?}"
                );
            }
        }
    }
}
