//! HTTP to a provider: https only (loopback excepted), bounded in time, size and redirects.

use std::sync::Arc;

use http::{Request, Response};
use url::{Host, Url};

use super::clients::Clients;
use super::error::{HttpError, REQUEST_TIMEOUT, causes};
use crate::desktop::surroundings::Surroundings;

/// No discovery document, key set or token answer is larger.
const BODY_LIMIT: usize = 1024 * 1024;
const MAX_REDIRECTS: usize = 3;

pub struct Http(pub(super) Clients);

impl Http {
    pub fn new(surroundings: Arc<Surroundings>) -> Self {
        Self(Clients::new(surroundings))
    }

    /// Fetches a document, following redirects that stay on https.
    pub async fn get(&self, url: &str) -> Result<Vec<u8>, HttpError> {
        let mut url = checked(url)?;
        for _ in 0..=MAX_REDIRECTS {
            let request = Request::get(url.as_str())
                .header(http::header::ACCEPT, "application/json")
                .body(Vec::new())
                .map_err(|error| HttpError::Setup(error.to_string()))?;
            let response = self.send(request).await?;
            let location = response.headers().get(http::header::LOCATION);
            match (
                response.status().as_u16(),
                location.and_then(|l| l.to_str().ok()),
            ) {
                (200, _) => return Ok(response.into_body()),
                (301 | 302 | 303 | 307 | 308, Some(location)) => {
                    url = redirected(&url, location)?;
                }
                (status, _) => {
                    return Err(HttpError::Status {
                        url: url.to_string(),
                        status,
                    });
                }
            }
        }
        Err(HttpError::Redirects(url.to_string()))
    }

    /// Sends one request; redirects are not followed.
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, HttpError> {
        let url = checked(&request.uri().to_string())?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = self.0.client(is_loopback(&url))?;
        let request = reqwest::Request::try_from(request)
            .map_err(|error| HttpError::Setup(error.to_string()))?;
        let exchange = async {
            let mut answer = client
                .execute(request)
                .await
                .map_err(|error| unreachable(&host, &error))?;
            let mut response = Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                headers.clone_from(answer.headers());
            }
            let mut body = Vec::new();
            while let Some(chunk) = answer
                .chunk()
                .await
                .map_err(|error| unreachable(&host, &error))?
            {
                if body.len() + chunk.len() > BODY_LIMIT {
                    return Err(HttpError::TooLarge(host.clone()));
                }
                body.extend_from_slice(&chunk);
            }
            response
                .body(body)
                .map_err(|error| HttpError::Setup(error.to_string()))
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::Timeout { host }),
        }
    }
}

/// From https never to http, not even on this machine.
fn redirected(from: &Url, location: &str) -> Result<Url, HttpError> {
    let not_https = || HttpError::NotHttps(location.to_owned());
    let next = from.join(location).map_err(|_| not_https())?;
    follow(from.as_str(), next.as_str()).ok_or_else(not_https)
}

/// `to`, if somebody at `from` may send us there: it is https, or both are http on this machine.
pub(super) fn follow(from: &str, to: &str) -> Option<Url> {
    let (from, to) = (checked(from).ok()?, checked(to).ok()?);
    (to.scheme() == "https" || from.scheme() == "http").then_some(to)
}

/// Fails if secrets cannot be sent to this address safely.
fn checked(url: &str) -> Result<Url, HttpError> {
    let parsed = Url::parse(url).map_err(|_| HttpError::NotHttps(url.to_owned()))?;
    match parsed.scheme() {
        "https" => Ok(parsed),
        "http" if is_loopback(&parsed) => Ok(parsed),
        _ => Err(HttpError::NotHttps(url.to_owned())),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Tells whether the request may have reached the provider: not before there was a connection.
fn unreachable(host: &str, error: &reqwest::Error) -> HttpError {
    let (host, cause) = (host.to_owned(), causes(error));
    match (error.is_connect(), error.is_timeout()) {
        (false, true) => HttpError::Timeout { host },
        (false, false) => HttpError::Broken { host, cause },
        (true, _) => HttpError::Unreachable { host, cause },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goes_to(from: &str, location: &str) -> Option<String> {
        let from = Url::parse(from).unwrap();
        redirected(&from, location).ok().map(|url| url.to_string())
    }

    #[test]
    fn a_redirect_never_leads_from_https_to_http() {
        let issuer = "https://id.example.com/a";
        for location in [
            "http://id.example.com/b",
            "http://127.0.0.1:8080/b",
            "http://localhost/b",
            "ftp://id.example.com/b",
            "//",
        ] {
            assert_eq!(goes_to(issuer, location), None, "{location}");
        }
        for (location, to) in [
            ("/b", "https://id.example.com/b"),
            ("//other.example.com/b", "https://other.example.com/b"),
            ("https://localhost/b", "https://localhost/b"),
        ] {
            assert_eq!(goes_to(issuer, location).as_deref(), Some(to));
        }
    }

    #[test]
    fn an_address_on_this_machine_may_lead_to_another() {
        let issuer = "http://127.0.0.1:8080/a";
        assert!(goes_to(issuer, "http://localhost:9/b").is_some());
        assert!(goes_to(issuer, "https://id.example.com/b").is_some());
        assert!(goes_to(issuer, "http://id.example.com/b").is_none());
    }

    /// Counts the requests to a server that answers each with a redirect to itself.
    async fn redirecting() -> (String, std::sync::Arc<std::sync::atomic::AtomicUsize>) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let requests = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (count, location) = (requests.clone(), url.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = [0; 4096];
                if stream.read(&mut request).await.is_ok_and(|read| read > 0) {
                    count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                }
                let answer = format!(
                    "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\n\
                     Content-Length: 0\r\nConnection: close\r\n\r\n"
                );
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        (url, requests)
    }

    #[tokio::test]
    async fn a_document_is_redirected_three_times_at_most_and_tokens_never() {
        let http = Http::new(std::sync::Arc::new(
            crate::desktop::surroundings::Surroundings::of_process(false),
        ));
        let (url, requests) = redirecting().await;
        let document = http.get(&url).await;
        assert!(matches!(document, Err(HttpError::Redirects(_))));
        assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 4);
        let (url, requests) = redirecting().await;
        let post = Request::post(&url).body(b"code=a".to_vec()).unwrap();
        let answer = http.send(post).await.unwrap();
        assert_eq!(answer.status(), 307);
        assert_eq!(requests.load(std::sync::atomic::Ordering::SeqCst), 1);
    }
}
