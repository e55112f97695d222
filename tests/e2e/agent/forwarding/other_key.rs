//! A request to sign that names another key than the one that is to sign it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_test_support::{Part, ProviderOptions, left_out};
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::agent::sockets::raw::{
    FAILURE, REQUEST_IDENTITIES, Raw, SIGN_RESPONSE, first_identity, sign_request, string,
};
use crate::setup::{Setup, agent_socket};

const EXTENSION: u8 = 27;
const SUCCESS: u8 = 6;

/// A server's key, with which a test makes the binds that ssh would pass on.
pub struct HostKey(Ed25519KeyPair);

impl HostKey {
    pub fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(pkcs8.as_ref()).unwrap())
    }

    pub fn blob(&self) -> Vec<u8> {
        let key = self.0.public_key().as_ref();
        [string(b"ssh-ed25519"), string(key)].concat()
    }

    /// PROTOCOL.agent section 1.
    pub fn bind(&self, session_id: &[u8], is_forwarding: bool) -> Vec<u8> {
        let signature = self.0.sign(session_id);
        let signature = [string(b"ssh-ed25519"), string(signature.as_ref())].concat();
        [
            &[EXTENSION][..],
            &string(b"session-bind@openssh.com"),
            &string(&self.blob()),
            &string(session_id),
            &string(&signature),
            &[is_forwarding.into()],
        ]
        .concat()
    }
}

/// PROTOCOL section 3.1: what a server verifies that a client of its session has signed.
pub fn login(session_id: &[u8], key: &[u8], server: &HostKey) -> Vec<u8> {
    [
        &string(session_id)[..],
        &[50],
        &string(b"root"),
        &string(b"ssh-connection"),
        &string(b"publickey-hostbound-v00@openssh.com"),
        &[1],
        &string(b"ecdsa-sha2-nistp256-cert-v01@openssh.com"),
        &string(key),
        &string(&server.blob()),
    ]
    .concat()
}

#[test]
fn a_forwarded_login_is_signed_by_the_key_that_it_names() {
    if left_out(&[Part::Provider]) {
        return;
    }
    const NAME: &str = "server.example.com";
    let (hop, server) = (HostKey::new(), HostKey::new());
    let hosts = format!("hosts: [{NAME}]");
    let setup = Setup::with(ProviderOptions::default(), &[&hosts, "forwarding: allow"]);
    let known = STANDARD.encode(server.blob());
    setup
        .home
        .write(".ssh/known_hosts", format!("{NAME} ssh-ed25519 {known}\n"));
    setup.login(&[]);
    let mut forwarded = Raw::connect(&agent_socket(&setup.home));
    assert_eq!(forwarded.ask(&hop.bind(b"to the hop", true)), [SUCCESS]);
    let session_id = b"from the hop to the server";
    assert_eq!(forwarded.ask(&server.bind(session_id, false)), [SUCCESS]);
    let certificate = first_identity(&forwarded.ask(&[REQUEST_IDENTITIES])).unwrap();

    for other in [&hop.blob()[..], b"key", b""] {
        let data = login(session_id, other, &server);
        let answer = forwarded.ask(&sign_request(&certificate, &data));
        assert_eq!(answer, [FAILURE], "{other:?}");
    }
    let data = login(session_id, &certificate, &server);
    let answer = forwarded.ask(&sign_request(&certificate, &data));
    assert_eq!(answer[0], SIGN_RESPONSE);
}
