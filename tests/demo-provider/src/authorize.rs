//! The authorization endpoint (OpenID Connect Core 1.0, section 3.1.2) and its login page.

use std::time::SystemTime;

use hyper::StatusCode;
use url::{Host, Url};

use crate::discovery::CLIENT_ID;
use crate::grants::{Refused, Request};
use crate::provider::{Parameters, Provider};
use crate::reply::{self, Reply, escape};

/// Enough for a person who mistypes, too few to guess a password of `--password-stdin`.
const MAX_WRONG_PASSWORDS: u32 = 20;

/// Checks the request and shows the login page.
pub fn ask(provider: &Provider, asked: &Parameters) -> Reply {
    // Until both are known to be good, nothing may be sent to redirect_uri (RFC 6749, 4.1.2.1).
    if asked.get("client_id").map(String::as_str) != Some(CLIENT_ID) {
        return reply::error_page(
            StatusCode::BAD_REQUEST,
            &format!("Unknown client. This provider has one: client_id {CLIENT_ID}."),
        );
    }
    let Some(redirect_uri) = asked
        .get("redirect_uri")
        .and_then(|text| loopback_redirect(text))
    else {
        return reply::error_page(
            StatusCode::BAD_REQUEST,
            "This redirect_uri is not registered. Registered: http://localhost, http://127.0.0.1 \
             or http://[::1], any port, path /login-callback.",
        );
    };
    match check(asked, &redirect_uri) {
        Ok(request) => match provider.grants().ask(request) {
            Ok(id) => reply::page(StatusCode::OK, &login_form(provider, &id, None)),
            Err(Refused(why)) => reply::error_page(StatusCode::INTERNAL_SERVER_ERROR, why),
        },
        Err((error, why)) => {
            let answer = [("error", error), ("error_description", why)];
            reply::redirect(&answered(
                provider,
                &redirect_uri,
                asked.get("state"),
                &answer,
            ))
        }
    }
}

/// Takes the submitted login page and goes back to the client, with a code or with a no.
pub fn login(provider: &Provider, form: &Parameters) -> Reply {
    let id = form.get("request").map_or("", String::as_str);
    if !provider.grants().is_pending(id) {
        return reply::error_page(
            StatusCode::BAD_REQUEST,
            "This login page was already used or is too old. Start the login again.",
        );
    }
    let cancelled = form
        .get("decision")
        .is_some_and(|decision| decision == "cancel");
    let user = form
        .get("username")
        .map(|name| name.trim().to_ascii_lowercase());
    if !cancelled && let Err(why) = check_login(provider, user.as_deref(), form.get("password")) {
        return reply::page(StatusCode::FORBIDDEN, &login_form(provider, id, Some(why)));
    }
    let mut grants = provider.grants();
    let Some(request) = grants.take(id) else {
        return reply::error_page(StatusCode::BAD_REQUEST, "This login page was already used.");
    };
    let (redirect_uri, state) = (request.redirect_uri.clone(), request.state.clone());
    let granted = match user {
        Some(user) if !cancelled => grants.grant(request, user, SystemTime::now()),
        _ => {
            let no = [
                ("error", "access_denied"),
                ("error_description", "the login was cancelled"),
            ];
            return reply::redirect(&answered(provider, &redirect_uri, state.as_ref(), &no));
        }
    };
    match granted {
        Ok(code) => {
            let answer = [("code", code.as_str())];
            reply::redirect(&answered(provider, &redirect_uri, state.as_ref(), &answer))
        }
        Err(Refused(why)) => reply::error_page(StatusCode::INTERNAL_SERVER_ERROR, why),
    }
}

/// RFC 8252, section 7.3: loopback, any port, and otherwise exactly what is registered.
fn loopback_redirect(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let plain = url.scheme() == "http"
        && url.path() == "/login-callback"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    // What the parser had to tidy up first (backslashes, dots, blanks) is not the registered one.
    (loopback && plain && url.as_str() == text).then_some(url)
}

fn check(asked: &Parameters, redirect_uri: &Url) -> Result<Request, (&'static str, &'static str)> {
    let get = |name| asked.get(name).map_or("", String::as_str);
    if asked.contains_key("request") {
        return Err(("request_not_supported", "request objects are not supported"));
    }
    if asked.contains_key("request_uri") {
        return Err((
            "request_uri_not_supported",
            "request objects are not supported",
        ));
    }
    if get("response_type") != "code" {
        return Err(("unsupported_response_type", "response_type must be code"));
    }
    if !get("scope").split(' ').any(|scope| scope == "openid") {
        return Err(("invalid_scope", "scope must contain openid"));
    }
    if get("code_challenge_method") != "S256" {
        return Err((
            "invalid_request",
            "PKCE is required: code_challenge_method must be S256",
        ));
    }
    let code_challenge = get("code_challenge");
    let base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if code_challenge.len() != 43 || !code_challenge.bytes().all(base64url) {
        return Err((
            "invalid_request",
            "code_challenge must be 43 characters of base64url",
        ));
    }
    if get("prompt").split(' ').any(|prompt| prompt == "none") {
        return Err((
            "login_required",
            "nobody stays logged in here: prompt=none cannot work",
        ));
    }
    Ok(Request {
        redirect_uri: redirect_uri.clone(),
        redirect_text: get("redirect_uri").to_owned(),
        state: asked.get("state").cloned(),
        nonce: asked.get("nonce").cloned(),
        code_challenge: code_challenge.to_owned(),
        scope: get("scope").to_owned(),
    })
}

fn check_login(
    provider: &Provider,
    user: Option<&str>,
    password: Option<&String>,
) -> Result<(), &'static str> {
    if !user.is_some_and(is_user_name) {
        return Err("Pick a name of 1 to 32 letters, digits, dots, dashes or underscores.");
    }
    let Some(expected) = &provider.password else {
        return Ok(());
    };
    let mut grants = provider.grants();
    if grants.wrong_passwords >= MAX_WRONG_PASSWORDS {
        return Err("Too many wrong passwords. Stop the demonstration and start it again.");
    }
    if password.is_none_or(|given| given.trim() != expected) {
        grants.wrong_passwords += 1;
        return Err("Wrong password. It is the one shown in the terminal of the demonstration.");
    }
    Ok(())
}

fn is_user_name(name: &str) -> bool {
    (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// The client's address with the answer, its `state`, and who answers (RFC 9207).
fn answered(
    provider: &Provider,
    redirect_uri: &Url,
    state: Option<&String>,
    answer: &[(&str, &str)],
) -> Url {
    let mut url = redirect_uri.clone();
    url.query_pairs_mut()
        .extend_pairs(answer)
        .extend_pairs(state.map(|state| ("state", state)))
        .append_pair("iss", &provider.issuer);
    url
}

fn login_form(provider: &Provider, id: &str, wrong: Option<&str>) -> String {
    let wrong = wrong.map_or_else(String::new, |why| {
        format!("<p class=\"wrong\">{}</p>", escape(why))
    });
    let password = match provider.password {
        Some(_) => "Password (shown in the terminal of the demonstration)",
        None => "Password (any will do)",
    };
    format!(
        r#"{wrong}
<form method="post" action="/login">
<input type="hidden" name="request" value="{id}">
<label>Name <input name="username" value="alice" maxlength="32" autocomplete="off" required></label>
<label>{password} <input type="password" name="password" autocomplete="off"></label>
<button type="submit">Log in</button>
<button type="submit" name="decision" value="cancel" formnovalidate>Cancel</button>
</form>"#,
        id = escape(id),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_stay_on_loopback_and_on_the_registered_path() {
        for good in [
            "http://localhost:3000/login-callback",
            "http://127.0.0.1:10001/login-callback",
            "http://[::1]:11110/login-callback",
        ] {
            assert!(loopback_redirect(good).is_some(), "{good}");
        }
        for bad in [
            "https://localhost:3000/login-callback",
            "http://localhost.example:3000/login-callback",
            "http://localhost@attacker.example/login-callback",
            "http://user@localhost:3000/login-callback",
            "http://localhost:3000/other",
            "http://localhost:3000/login-callback/",
            "http://localhost:3000/x/../login-callback",
            "http://localhost:3000/login-callback?next=x",
            "http://localhost:3000/login-callback#x",
            "http:\\\\localhost:3000/login-callback",
            "http://192.0.2.1:3000/login-callback",
            "/login-callback",
            "",
        ] {
            assert!(loopback_redirect(bad).is_none(), "{bad}");
        }
    }
}
