//! What a client may know before it asks: OpenID Connect Discovery 1.0, section 3.

use serde_json::{Value, json};

/// The one client, public, registered for loopback redirects.
pub const CLIENT_ID: &str = "opkssh-demo";

pub fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": ["openid", "email", "profile", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "claims_supported":
            ["iss", "sub", "aud", "exp", "iat", "nonce", "email", "email_verified", "name"],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}
