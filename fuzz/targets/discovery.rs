//! A provider's discovery document, from the network.

use opkssh_protocol::json;
use opkssh_server::http::discovered;

const ISSUER: &str = "https://issuer.example.com";

pub fn run(document: &[u8]) {
    for member in ["jwks_uri", "userinfo_endpoint"] {
        let Ok(url) = discovered(document, member, "url", ISSUER) else {
            continue;
        };
        assert_eq!(url.scheme(), "https");
        assert!(url.has_host());
        let document = json::parse_object(document).expect("it was read");
        assert_eq!(document["issuer"], ISSUER);
    }
}
