//! Takes requests, finds who answers them.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use url::form_urlencoded;

use crate::provider::{Parameters, Provider};
use crate::reply::{self, Reply};
use crate::{authorize, discovery, token};

/// No honest form is nearly as long, in bytes.
const MAX_FORM: usize = 64 * 1024;

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, provider: Provider) -> Infallible {
    let provider = Arc::new(provider);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(_) => {
                // out of descriptors, most likely: let running requests give theirs back
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let provider = Arc::clone(&provider);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let provider = Arc::clone(&provider);
                async move { Ok::<_, Infallible>(answer(&provider, request).await) }
            });
            // An error here is a client that went away or spoke no http: nobody is left to tell.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(provider: &Provider, request: Request<Incoming>) -> Reply {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    match (&method, path.as_str()) {
        (&Method::GET, "/") => reply::page(StatusCode::OK, ""),
        (&Method::GET, "/.well-known/openid-configuration") => {
            reply::json(StatusCode::OK, &discovery::document(&provider.issuer))
        }
        (&Method::GET, "/jwks") => reply::json(StatusCode::OK, &provider.signer.key_set()),
        (&Method::GET | &Method::POST, "/authorize") => match parameters(request).await {
            Ok(asked) => authorize::ask(provider, &asked),
            Err(why) => reply::error_page(StatusCode::BAD_REQUEST, why),
        },
        (&Method::POST, "/login") => match parameters(request).await {
            Ok(form) => authorize::login(provider, &form),
            Err(why) => reply::error_page(StatusCode::BAD_REQUEST, why),
        },
        (&Method::POST, "/token") => match parameters(request).await {
            Ok(form) => token::token(provider, &form),
            Err(why) => reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", why),
        },
        (&Method::POST, "/revoke") => match parameters(request).await {
            Ok(form) => token::revoke(provider, &form),
            Err(why) => reply::oauth_error(StatusCode::BAD_REQUEST, "invalid_request", why),
        },
        _ => reply::error_page(StatusCode::NOT_FOUND, "There is nothing at this address."),
    }
}

/// The query of a GET, the form of a POST.
async fn parameters(request: Request<Incoming>) -> Result<Parameters, &'static str> {
    let encoded = if request.method() == Method::GET {
        request
            .uri()
            .query()
            .unwrap_or_default()
            .as_bytes()
            .to_vec()
    } else {
        let body = Limited::new(request.into_body(), MAX_FORM).collect().await;
        body.map_err(|_| "the form is too long or broke off")?
            .to_bytes()
            .to_vec()
    };
    let mut found = Parameters::new();
    for (name, value) in form_urlencoded::parse(&encoded) {
        if found
            .insert(name.into_owned(), value.into_owned())
            .is_some()
        {
            return Err("a parameter is given twice");
        }
    }
    Ok(found)
}
