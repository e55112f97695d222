//! `revoked.yml`: who is refused. An entry that revokes nothing must be an error.

#![no_main]

use libfuzzer_sys::fuzz_target;
use opkssh_server::policy::revoked::Revoked;

fuzz_target!(|bytes: &[u8]| {
    let _ = Revoked::parse(bytes);
});
