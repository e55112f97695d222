//! What a login is told by its caller.

use opkssh_protocol::time::UnixTime;

#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub now: &'a (dyn Fn() -> UnixTime + Sync),
    /// Returns true if no account shares a grant with this issuer and subject, so that a refused
    /// login's refresh token can be revoked.
    pub may_revoke: &'a (dyn Fn(&str, Option<&str>) -> bool + Sync),
}
