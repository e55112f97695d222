//! Options of a rule with slots, and filling them for a login.

use std::collections::BTreeMap;

use super::slot::{Kind, Slot};
use crate::authorized_keys::{Endpoint, ExpiryTime, Flag, Options, Quoted, Source, VariableName};
use crate::policy::Applicant;

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
    Slot(Slot),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromPart {
    Fixed(Source),
    /// A slot with CIDR blocks.
    Slot(Slot),
}

impl Template {
    /// Parses `text`, in which `{name}` is a slot, and `{{` and `}}` are braces.
    pub fn parse(text: &str, slots: &Slots) -> Result<Self, String> {
        let braces =
            || format!("{text:?} has a single '{{' or '}}'; write them twice for a literal brace");
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
                    let slot = find(slots, &name)?;
                    if slot.kind == Kind::Cidrs {
                        return Err(format!(
                            "slot {name:?} holds CIDR blocks, which go into `from` only"
                        ));
                    }
                    pieces.push(Piece::Text(std::mem::take(&mut plain)));
                    pieces.push(Piece::Slot(slot));
                }
                c => plain.push(c),
            }
        }
        pieces.push(Piece::Text(plain));
        let template = Self(pieces);
        // valid for this word means valid for any word that a slot can contain
        template.with(|_| Ok("x".to_owned()))?;
        Ok(template)
    }

    fn with(&self, word: impl Fn(&Slot) -> Result<String, String>) -> Result<Quoted, String> {
        let mut text = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(plain) => text.push_str(plain),
                Piece::Slot(slot) => text.push_str(&word(slot)?),
            }
        }
        Quoted::new(&text).map_err(|error| error.to_string())
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Slot(slot) => Some(slot),
            Piece::Text(_) => None,
        })
    }
}

fn find(slots: &Slots, name: &str) -> Result<Slot, String> {
    let slot = slots.get(name).cloned();
    slot.ok_or_else(|| format!("there is no slot {name:?}"))
}

impl FromPart {
    /// Parses `{slot}` or an element of sshd's `from`.
    pub fn parse(text: &str, slots: &Slots) -> Result<Self, String> {
        let inner = text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'));
        let Some(name) = inner else {
            let source = Source::new(text).map_err(|error| error.to_string())?;
            return Ok(Self::Fixed(source));
        };
        match find(slots, name)? {
            slot if slot.kind == Kind::Cidrs => Ok(Self::Slot(slot)),
            _ => Err(format!(
                "slot {name:?} does not hold CIDR blocks, so it cannot go into `from`"
            )),
        }
    }
}

impl OptionsTemplate {
    /// Returns the options for this login. Fails if a claim does not fit its slot, instead of
    /// leaving it empty.
    pub fn fill(&self, who: &Applicant<'_>) -> Result<Options, String> {
        let mut from = Vec::new();
        for part in &self.from {
            match part {
                FromPart::Fixed(source) => from.push(source.clone()),
                FromPart::Slot(slot) => from.extend(slot.text.cidrs(slot.source(who)?)?),
            }
        }
        let fill = |template: &Template| {
            template.with(|slot| slot.text.word(slot.kind, slot.source(who)?))
        };
        let environment = self.environment.iter();
        let environment = environment.map(|(name, value)| Ok((name.clone(), fill(value)?)));
        Ok(Options {
            flags: self.flags.clone(),
            command: self.command.as_ref().map(fill).transpose()?,
            from,
            permitopen: self.permitopen.clone(),
            permitlisten: self.permitlisten.clone(),
            environment: environment.collect::<Result<_, String>>()?,
            expiry_time: self.expiry_time.clone(),
        })
    }

    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        let values = self.environment.iter().map(|(_, value)| value);
        let texts = self.command.iter().chain(values);
        let from = self.from.iter().filter_map(|part| match part {
            FromPart::Slot(slot) => Some(slot),
            FromPart::Fixed(_) => None,
        });
        texts.flat_map(Template::slots).chain(from)
    }
}
