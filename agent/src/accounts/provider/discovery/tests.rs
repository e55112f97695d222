use serde_json::json;

use super::*;

fn check(issuer: &str, endpoint: &str, address: &str) -> Result<(), OidcError> {
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": "https://id.example.com/authorize",
        "token_endpoint": "https://id.example.com/token",
        "revocation_endpoint": "https://id.example.com/revoke",
        "device_authorization_endpoint": "https://id.example.com/device",
        "jwks_uri": "https://id.example.com/keys",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    document[endpoint] = address.into();
    check_endpoints(&serde_json::from_value(document).unwrap())
}

#[test]
fn an_https_issuer_leads_to_no_address_in_clear() {
    let issuer = "https://id.example.com";
    for endpoint in [
        "authorization_endpoint",
        "token_endpoint",
        "revocation_endpoint",
        "device_authorization_endpoint",
        "jwks_uri",
    ] {
        for address in ["http://127.0.0.1:8080/x", "http://id.example.com/x"] {
            let text = check(issuer, endpoint, address).unwrap_err().to_string();
            assert!(text.contains(endpoint) && text.contains(address), "{text}");
        }
        assert!(check(issuer, endpoint, "https://keys.example.com/x").is_ok());
    }
}

#[test]
fn an_issuer_on_this_machine_may_stay_on_it() {
    let issuer = "http://127.0.0.1:8080";
    assert!(check(issuer, "jwks_uri", "http://localhost:9/x").is_ok());
    assert!(check(issuer, "token_endpoint", "http://id.example.com/x").is_err());
}
