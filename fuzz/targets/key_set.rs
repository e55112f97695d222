//! A provider's key set, from the network or a file.

use opkssh_protocol::jwk::Algorithm;
use opkssh_protocol::key_set::KeySet;

pub fn run(document: &[u8]) {
    let Ok(keys) = KeySet::parse(document) else {
        return;
    };
    for algorithm in [
        Algorithm::Rs256,
        Algorithm::Ps256,
        Algorithm::Es256,
        Algorithm::EdDsa,
    ] {
        for key in keys.candidates(None, algorithm) {
            assert!(key.fits(algorithm));
        }
    }
}
