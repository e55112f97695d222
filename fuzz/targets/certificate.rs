//! What sshd passes as `%k`: a certificate's blob.

use opkssh_protocol::certificate::{self, UnverifiedCertificate};
use opkssh_protocol::time::UnixTime;

pub fn run(blob: &[u8]) {
    let peeked = certificate::peek(blob);
    let Ok(parsed) = UnverifiedCertificate::parse(blob) else {
        return;
    };
    assert_eq!(peeked.ok(), Some(parsed.wire_type()), "what is ours looks like it");
    assert_eq!(parsed.blob(), blob, "what is kept is what came");
    let line = parsed.openssh();
    assert!(!line.contains('\n'), "one line");
    let again = UnverifiedCertificate::parse_openssh(&line).expect("our own line");
    assert_eq!(again.blob(), blob);
    // only a certificate that its own key signed comes out of this
    let _ = certificate::verify(parsed, UnixTime(1_750_000_000));
}
