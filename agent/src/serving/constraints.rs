//! The constraints of added keys (RFC 9987 section 3.2.6; PROTOCOL.agent section 2,
//! `restrict-destination-v00@openssh.com`): what a connection may use such a key for. Pure.

use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::{Malformed, Reader};

use super::destination::{Bind, Bindings};
use super::host_key::HostKey;
use super::refusal::Refusal;
use super::userauth::UserauthRequest;
use opkssh_protocol::patterns::matches;

/// As OpenSSH's agent.
const MAX_DESTINATIONS: usize = 1024;

/// What limits an added key. Its lifetime is the table's.
#[derive(Clone, Default)]
pub struct Constraints {
    /// A person is asked before each signature.
    pub confirm: bool,
    /// Without any, the key may be used everywhere.
    pub destinations: Vec<Destination>,
}

/// One permitted step from a host, or from this machine, to another.
#[derive(Clone)]
pub struct Destination {
    from: Option<Host>,
    to: Host,
    /// A pattern; `None`: any user.
    user: Option<String>,
}

#[derive(Clone)]
struct Host {
    name: String,
    keys: Vec<HostCondition>,
}

#[derive(Clone)]
enum HostCondition {
    Key(Vec<u8>),
    /// A certificate for the host's name by this authority.
    Authority(Vec<u8>),
}

impl Constraints {
    /// Fails if the key is hidden from a connection: no chain of permitted steps leads to where it
    /// comes from, or none leads on from there.
    pub fn check_listed(&self, bindings: &Bindings, now: UnixTime) -> Result<(), Refusal> {
        if self.destinations.is_empty() {
            return Ok(());
        }
        let chain = bindings.chain().ok_or(Refusal::BindFailed)?;
        let Some(last) = self.check_chain(chain, None, now)? else {
            return Ok(());
        };
        // a key that ends at that host is of no use beyond it
        let leads_on = !last.is_for_forwarding
            || (self.destinations.iter()).any(|it| it.is_from(Some(&last.host_key), now));
        leads_on.then_some(()).ok_or(Refusal::OtherDestination)
    }

    /// Fails if a connection may not have `data` signed: that must be a login in the session it is
    /// bound to, at the end of a chain of permitted steps.
    pub fn check_signature(
        &self,
        key: &[u8],
        data: &[u8],
        bindings: &Bindings,
        now: UnixTime,
    ) -> Result<(), Refusal> {
        if self.destinations.is_empty() {
            return Ok(());
        }
        let chain = bindings.chain().ok_or(Refusal::BindFailed)?;
        let request = UserauthRequest::parse(data).filter(|it| it.key == key);
        let request = request.ok_or(Refusal::NoSuchLogin)?;
        let user = str::from_utf8(request.user).map_err(|_| Refusal::OtherDestination)?;
        let last = self.check_chain(chain, Some(user), now)?;
        let last = last.ok_or(Refusal::NoSuchLogin)?;
        let is_there = match request.host_key {
            Some(host_key) => host_key == last.host_key.blob,
            // only this machine's own ssh is believed without
            None => chain.len() == 1,
        };
        let is_this = is_there && request.session_id == last.session_id;
        is_this.then_some(()).ok_or(Refusal::NoSuchLogin)
    }

    /// Follows the steps of a connection. Returns the last one; `None` for one that has not said
    /// where it leads, which is this machine's.
    fn check_chain<'a>(
        &self,
        chain: &'a [Bind],
        user: Option<&str>,
        now: UnixTime,
    ) -> Result<Option<&'a Bind>, Refusal> {
        let mut from: Option<&HostKey> = None;
        for (index, bind) in chain.iter().enumerate() {
            let is_last = index + 1 == chain.len();
            let is_possible = match (is_last, bind.is_for_forwarding) {
                // a login is no step on the way
                (false, is_for_forwarding) => is_for_forwarding,
                // and a step on the way is no login
                (true, is_for_forwarding) => !is_for_forwarding || user.is_none(),
            };
            if !is_possible {
                return Err(Refusal::OtherDestination);
            }
            let user = user.filter(|_| is_last);
            let permitted = |it: &Destination| {
                it.is_from(from, now) && it.to.is(&bind.host_key, now) && it.admits(user)
            };
            if !self.destinations.iter().any(permitted) {
                return Err(Refusal::OtherDestination);
            }
            from = Some(&bind.host_key);
        }
        Ok(chain.last())
    }
}

impl Destination {
    /// Reads the body of the constraint.
    pub fn parse_all(body: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut reader = Reader::new(body);
        let mut all = Vec::new();
        while !reader.rest().is_empty() {
            if all.len() == MAX_DESTINATIONS {
                return Err(Malformed);
            }
            all.push(Self::parse(reader.string()?)?);
        }
        Ok(all)
    }

    fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        let (from_user, from) = Host::parse(reader.string()?)?;
        let (user, to) = Host::parse(reader.string()?)?;
        let extensions = reader.string()?;
        reader.end()?;
        // what is not understood must not be ignored
        if !extensions.is_empty() || from_user.is_some() {
            return Err(Malformed);
        }
        let to = to.ok_or(Malformed)?;
        Ok(Self { from, to, user })
    }

    /// Returns true for a step from this host, or, without one, from this machine.
    fn is_from(&self, host: Option<&HostKey>, now: UnixTime) -> bool {
        match (&self.from, host) {
            (None, None) => true,
            (Some(from), Some(host)) => from.is(host, now),
            _ => false,
        }
    }

    fn admits(&self, user: Option<&str>) -> bool {
        match (&self.user, user) {
            (Some(pattern), Some(user)) => matches(pattern, user),
            _ => true,
        }
    }
}

impl Host {
    /// Reads a user and a host; one without name and keys is none.
    fn parse(body: &[u8]) -> Result<(Option<String>, Option<Self>), Malformed> {
        let mut reader = Reader::new(body);
        let mut text = || -> Result<String, Malformed> {
            let text = str::from_utf8(reader.string()?).map_err(|_| Malformed)?;
            Ok(text.to_owned())
        };
        let (user, name) = (text()?, text()?);
        if !reader.string()?.is_empty() {
            return Err(Malformed);
        }
        let mut keys = Vec::new();
        while !reader.rest().is_empty() {
            let key = reader.string()?.to_vec();
            keys.push(match reader.bool()? {
                true => HostCondition::Authority(key),
                false => HostCondition::Key(key),
            });
        }
        let user = Some(user).filter(|user| !user.is_empty());
        match (name.is_empty(), keys.is_empty()) {
            (true, true) => Ok((user, None)),
            (false, false) => Ok((user, Some(Self { name, keys }))),
            _ => Err(Malformed),
        }
    }

    fn is(&self, host_key: &HostKey, now: UnixTime) -> bool {
        self.keys.iter().any(|condition| match condition {
            HostCondition::Key(key) => *key == host_key.blob,
            HostCondition::Authority(key) => host_key.certificate().is_some_and(|certificate| {
                certificate.authority == *key && certificate.is_for_host(&self.name, now)
            }),
        })
    }
}

#[cfg(test)]
mod tests;
