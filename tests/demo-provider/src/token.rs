//! The token endpoint (RFC 6749, sections 4.1.3 and 6) and revocation (RFC 7009).

use std::time::SystemTime;

use hyper::StatusCode;
use serde_json::json;

use crate::discovery::CLIENT_ID;
use crate::grants::{Granted, Refused, random};
use crate::id_token::Subject;
use crate::provider::{Parameters, Provider};
use crate::reply::{self, Reply};

pub fn token(provider: &Provider, form: &Parameters) -> Reply {
    // First of all: a client that tries another way to name itself must not lose its code.
    if let Err(refusal) = check_client(form) {
        return *refusal;
    }
    let now = SystemTime::now();
    let get = |name| form.get(name).map_or("", String::as_str);
    let granted = match get("grant_type") {
        "authorization_code" => {
            let mut grants = provider.grants();
            grants.redeem(get("code"), get("redirect_uri"), get("code_verifier"), now)
        }
        "refresh_token" => {
            let refreshed = provider.grants().refresh(get("refresh_token"));
            refreshed.map(|granted| Granted {
                nonce: granted.nonce.filter(|_| provider.nonce_on_refresh),
                ..granted
            })
        }
        _ => {
            return reply::oauth_error(
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "grant_type must be authorization_code or refresh_token",
            );
        }
    };
    match granted {
        Ok(granted) => tokens(provider, &granted, now),
        Err(Refused(why)) => reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_grant", why),
    }
}

/// Always 200 for a known client, also for tokens nobody knows (RFC 7009, section 2.2).
pub fn revoke(provider: &Provider, form: &Parameters) -> Reply {
    if let Err(refusal) = check_client(form) {
        return *refusal;
    }
    let Some(token) = form.get("token") else {
        return reply::oauth_error(
            StatusCode::BAD_REQUEST,
            "invalid_request",
            "token is missing",
        );
    };
    provider.grants().revoke(token);
    reply::json(StatusCode::OK, &json!({}))
}

/// A public client names itself in the form and proves nothing (RFC 6749, section 3.2.1).
fn check_client(form: &Parameters) -> Result<(), Box<Reply>> {
    if form.get("client_id").map(String::as_str) == Some(CLIENT_ID) {
        return Ok(());
    }
    let why = "name the client in the form (auth method none): client_id opkssh-demo";
    Err(Box::new(reply::oauth_error(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        why,
    )))
}

fn tokens(provider: &Provider, granted: &Granted, now: SystemTime) -> Reply {
    let subject = Subject {
        name: &granted.user,
        nonce: granted.nonce.as_deref(),
    };
    let id_token =
        provider
            .signer
            .id_token(&provider.issuer, &subject, now, provider.id_token_lifetime);
    // OAuth wants an access token; nothing here is opened by it, so nobody remembers it.
    let (Ok(id_token), Ok(access_token)) = (id_token, random()) else {
        return reply::oauth_error(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "tokens cannot be made",
        );
    };
    reply::json(
        StatusCode::OK,
        &json!({
            "access_token": access_token,
            "token_type": "Bearer",
            "expires_in": provider.id_token_lifetime.as_secs(),
            "scope": granted.scope,
            "id_token": id_token,
            "refresh_token": granted.refresh_token,
        }),
    )
}
