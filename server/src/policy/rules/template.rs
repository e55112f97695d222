//! Options of a rule with slots, and filling them for a login.

use std::collections::BTreeMap;

use opkssh_protocol::json::Object;

use super::slot::{ClaimText, Kind, Unusable};
use crate::authorized_keys::{
    Endpoint, ExpiryTime, Flag, Options, Quoted, Source, UnsafeOption, VariableName,
};
use crate::policy::Applicant;

/// A named text from a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub text: ClaimText,
    pub kind: Kind,
    /// Whether `email_verified` must be true.
    pub must_be_verified: bool,
}

pub type Slots = BTreeMap<String, Slot>;

/// Options that may contain slots.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OptionsTemplate {
    pub flags: Vec<Flag>,
    pub command: Option<Template>,
    pub from: Vec<FromPart>,
    pub permitopen: Vec<Endpoint>,
    pub permitlisten: Vec<Endpoint>,
    pub environment: Vec<(VariableName, Template)>,
    pub expiry_time: Option<ExpiryTime>,
}

/// Text with `{slot}`s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Slot(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromPart {
    Fixed(Source),
    /// Name of a slot with CIDR blocks.
    Slot(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("{0:?} has a single '{{' or '}}'; write them twice for a literal brace")]
    Braces(String),
    #[error("there is no slot {0:?}")]
    NoSlot(String),
    #[error("slot {0:?} holds CIDR blocks, which go into `from` only")]
    CidrsInText(String),
    #[error("slot {0:?} does not hold CIDR blocks, so it cannot go into `from`")]
    NotCidrs(String),
    #[error("{0}")]
    Unsafe(#[from] UnsafeOption),
}

/// Reason why the options cannot be filled in for a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfillable {
    #[error("{0}")]
    Claim(#[from] Unusable),
    #[error("{0}")]
    Option(#[from] UnsafeOption),
    #[error("there is no slot {0:?}")]
    NoSlot(String),
}

impl Slot {
    /// Returns the claims to take the text from: the newest ones with it.
    fn source<'a>(&self, who: &Applicant<'a>) -> Result<&'a Object, Unusable> {
        if self.must_be_verified && !who.email_verified {
            return Err(Unusable::Unverified(self.text.path.clone()));
        }
        Ok(self.text.path.newest(who))
    }
}

impl Template {
    /// Parses `text`, in which `{name}` is a slot, and `{{` and `}}` are braces.
    pub fn parse(text: &str, slots: &Slots) -> Result<Self, TemplateError> {
        let braces = || TemplateError::Braces(text.to_owned());
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '{' | '}' if rest.next_if_eq(&c).is_some() => plain.push(c),
                '}' => return Err(braces()),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match rest.next() {
                            Some('}') => break,
                            Some(c) if c != '{' => name.push(c),
                            _ => return Err(braces()),
                        }
                    }
                    let slot = slots
                        .get(&name)
                        .ok_or_else(|| TemplateError::NoSlot(name.clone()))?;
                    if slot.kind == Kind::Cidrs {
                        return Err(TemplateError::CidrsInText(name));
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Slot(name));
                }
                c => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        let template = Self(pieces);
        // valid for this word means valid for any word that a slot can contain
        Quoted::new(&template.with(|_| Ok::<_, TemplateError>("x".to_owned()))?)?;
        Ok(template)
    }

    fn with<E>(&self, word: impl Fn(&str) -> Result<String, E>) -> Result<String, E> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Slot(name) => text.push_str(&word(name)?),
            }
        }
        Ok(text)
    }

    fn fill(&self, slots: &Slots, who: &Applicant<'_>) -> Result<Quoted, Unfillable> {
        let text = self.with(|name| {
            let slot = slots
                .get(name)
                .ok_or_else(|| Unfillable::NoSlot(name.to_owned()))?;
            Ok::<_, Unfillable>(slot.text.word(slot.kind, slot.source(who)?)?)
        })?;
        Ok(Quoted::new(&text)?)
    }

    fn slots(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(name) => Some(name.as_str()),
            Piece::Text(_) => None,
        })
    }
}

impl FromPart {
    /// Parses `{slot}` or an element of sshd's `from`.
    pub fn parse(text: &str, slots: &Slots) -> Result<Self, TemplateError> {
        let Some(name) = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
        else {
            return Ok(Self::Fixed(Source::new(text)?));
        };
        match slots.get(name) {
            None => Err(TemplateError::NoSlot(name.to_owned())),
            Some(slot) if slot.kind != Kind::Cidrs => Err(TemplateError::NotCidrs(name.to_owned())),
            Some(_) => Ok(Self::Slot(name.to_owned())),
        }
    }
}

impl OptionsTemplate {
    /// Returns the options for this login. Fails if a claim does not fit its slot, instead of
    /// leaving it empty.
    pub fn fill(&self, slots: &Slots, who: &Applicant<'_>) -> Result<Options, Unfillable> {
        let mut from = Vec::new();
        for part in &self.from {
            match part {
                FromPart::Fixed(source) => from.push(source.clone()),
                FromPart::Slot(name) => {
                    let slot = slots
                        .get(name)
                        .ok_or_else(|| Unfillable::NoSlot(name.clone()))?;
                    from.extend(slot.text.cidrs(slot.source(who)?)?);
                }
            }
        }
        let fill = |template: &Template| template.fill(slots, who);
        Ok(Options {
            flags: self.flags.clone(),
            command: self.command.as_ref().map(fill).transpose()?,
            from,
            permitopen: self.permitopen.clone(),
            permitlisten: self.permitlisten.clone(),
            environment: self
                .environment
                .iter()
                .map(|(name, value)| Ok((name.clone(), fill(value)?)))
                .collect::<Result<_, Unfillable>>()?,
            expiry_time: self.expiry_time.clone(),
        })
    }

    /// Returns the slots in use.
    pub fn slots(&self) -> impl Iterator<Item = &str> {
        let texts = self
            .command
            .iter()
            .chain(self.environment.iter().map(|(_, value)| value));
        let from = self.from.iter().filter_map(|part| match part {
            FromPart::Slot(name) => Some(name.as_str()),
            FromPart::Fixed(_) => None,
        });
        texts.flat_map(Template::slots).chain(from)
    }
}
