//! `revoked.yml`: who is refused. An entry that revokes nothing must be an error.

use opkssh_server::policy::revoked::Revoked;

pub fn run(bytes: &[u8]) {
    let _ = Revoked::parse(bytes);
}
