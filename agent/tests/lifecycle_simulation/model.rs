//! The lifecycle's types in the simulation: numbers in place of secrets.

use opkssh_agent::lifecycle::{Item, Material, Plan};
use opkssh_protocol::time::UnixTime;

/// The invariant that is broken.
pub type Broken = &'static str;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Model;

pub type Name = usize;
pub type Person = usize;
/// The place of a refresh token among the provider's.
pub type Token = usize;
pub type SealKey = u8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Credentials {
    pub person: Person,
    pub renew_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    pub renew_at: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SealedText {
    pub key: SealKey,
    pub item: Item<Model>,
}

impl Material for Model {
    type Name = Name;
    type Person = Person;
    type Store = u8;
    type RefreshToken = Token;
    type Credentials = Credentials;
    type Answer = Answer;
    type SealedText = SealedText;
    type SealKey = SealKey;
    type Recipient = SealKey;
    type Password = ();
    type Settings = u8;
    type Profile = u8;

    fn plan(_: &Name, credentials: &Credentials, has_refresh_token: bool, _: &u8) -> Plan {
        let renew_at = UnixTime(credentials.renew_at);
        Plan {
            deadline: Some(renew_at.plus(LIFETIME / 5)),
            renew_at: has_refresh_token.then_some(renew_at),
        }
    }

    fn profile(_: &Name, _: &Credentials, settings: &u8, _: Option<&u8>) -> u8 {
        *settings
    }

    fn recipient(key: &SealKey) -> SealKey {
        *key
    }
}

/// Seconds from a login or refresh to the next planned one.
pub const LIFETIME: i64 = 600;

/// A small random generator (splitmix64): the same seed gives the same schedule everywhere.
pub struct Random(pub u64);

impl Random {
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        let number = self.number() >> 33;
        usize::try_from(number).unwrap_or(0) % end
    }

    /// Returns true in `part` of a hundred cases.
    pub fn percent(&mut self, part: usize) -> bool {
        self.below(100) < part
    }
}
