//! The few kinds of answer this provider gives.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use url::Url;

pub type Reply = Response<Full<Bytes>>;

/// A page; `body` is HTML, already escaped.
pub fn page(status: StatusCode, body: &str) -> Reply {
    let html = include_str!("page.html").replace("{body}", body);
    let mut reply = answer(status, "text/html; charset=utf-8", html);
    reply.headers_mut().insert(
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    );
    reply
}

/// A page that says what went wrong.
pub fn error_page(status: StatusCode, what: &str) -> Reply {
    page(status, &format!("<p class=\"wrong\">{}</p>", escape(what)))
}

pub fn json(status: StatusCode, value: &Value) -> Reply {
    answer(status, "application/json", value.to_string())
}

/// The error form of RFC 6749, section 5.2.
pub fn oauth_error(status: StatusCode, code: &str, description: &str) -> Reply {
    json(
        status,
        &json!({ "error": code, "error_description": description }),
    )
}

/// On to `url`, with GET whatever the method was.
pub fn redirect(url: &Url) -> Reply {
    match HeaderValue::from_str(url.as_str()) {
        Ok(location) => {
            let mut reply = answer(StatusCode::SEE_OTHER, "text/plain", String::new());
            reply.headers_mut().insert(LOCATION, location);
            reply
        }
        Err(_) => error_page(
            StatusCode::BAD_REQUEST,
            "this address cannot be redirected to",
        ),
    }
}

/// Text made safe for HTML, in elements and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    reply
}
