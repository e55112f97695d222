//! The loopback redirect (RFC 8252 section 7.3): a listener on this machine that the provider
//! sends the browser back to.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::JoinSet;
use url::Url;

use super::error::LoginError;
use super::local_redirect::{LocalRedirect, passed_on_authorities};
use super::pages::Page;

/// The headers of every page.
const HEADERS: [(header::HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; \
         form-action 'none'; base-uri 'none'",
    ),
    (header::REFERRER_POLICY, "no-referrer"),
];
/// Per address, so that who fills 127.0.0.1 leaves ::1 alone.
const MAX_CONNECTIONS: usize = 32;
/// A browser that connects sends its request at once.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A browser that does not read its page is not waited for any longer.
const PAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Which requests are answered.
struct Served {
    /// This path, and those below it.
    path: String,
    /// What `Host` may be. Any other is a page's own name that was made to lead to this machine
    /// (DNS rebinding).
    authorities: Vec<String>,
}

/// Keeps the listener alive; dropping it closes the port. A browser that waits for its page goes on
/// waiting for as long as its [`Visit`] is there.
pub struct Server {
    pub redirect_uri: String,
    _listeners: JoinSet<()>,
}

/// A request to the loopback listener, to be answered with a page.
pub struct Visit {
    /// Path and query as the browser sent them.
    pub target: Url,
    /// `None`: a person brought the address, and no browser waits here.
    browser: Option<Browser>,
}

struct Browser {
    page: oneshot::Sender<Page>,
    /// Its sender is dropped when the connection has ended.
    connection: watch::Receiver<()>,
}

impl Visit {
    /// Makes a visit of an address that a person brought.
    pub fn brought(target: Url) -> Self {
        Self {
            target,
            browser: None,
        }
    }

    pub fn is_of_a_browser(&self) -> bool {
        self.browser.is_some()
    }

    /// Returns the first query parameter `name`, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).next()
    }

    /// Returns every query parameter `name`, decoded.
    pub fn parameters(&self, name: &str) -> impl Iterator<Item = String> {
        let pairs = self.target.query_pairs();
        pairs.filter_map(move |(key, value)| (key == name).then(|| value.into_owned()))
    }

    /// Shows the page. The future ends when it has left; it need not be awaited where the runtime
    /// lives on.
    pub fn answer(self, page: Page) -> impl Future<Output = ()> + use<> {
        let connection = self.browser.map(|browser| {
            // the person may have closed the window already
            let _ = browser.page.send(page);
            browser.connection
        });
        async move {
            if let Some(mut connection) = connection {
                let _ = tokio::time::timeout(PAGE_TIMEOUT, connection.changed()).await;
            }
        }
    }
}

impl Server {
    /// Listens on the first of `redirect_uris` whose port is free. `remote`: the redirect URI that
    /// the provider is sent instead, from where requests are passed on to us.
    ///
    /// # Errors
    /// [`LoginError::NotLoopback`] if any of them leads to where we do not listen.
    pub async fn on_first_free(
        redirect_uris: &[String],
        remote: Option<&str>,
        visits: &mpsc::Sender<Visit>,
    ) -> Result<Self, LoginError> {
        let local = redirect_uris.iter().map(|uri| LocalRedirect::parse(uri));
        let local: Vec<_> = local.collect::<Result<_, _>>()?;
        let mut busy = Vec::new();
        for (redirect_uri, local) in redirect_uris.iter().zip(local) {
            let Ok(listeners) = local.listen().await else {
                busy.push(local.port.to_string());
                continue;
            };
            let served = Served {
                path: local.path,
                authorities: match remote {
                    None => vec![local.authority],
                    Some(remote) => passed_on_authorities(remote, local.port),
                },
            };
            return Ok(Self::start(redirect_uri.clone(), served, listeners, visits));
        }
        Err(LoginError::AllBusy(busy.join(", ")))
    }

    /// Listens on any free port, for a page of our own. Its address is not `localhost`, which may
    /// lead to the other address family, where another program could have the port.
    pub async fn on_any_port(
        path: String,
        visits: &mpsc::Sender<Visit>,
    ) -> Result<Self, LoginError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let authority = listener.local_addr()?.to_string();
        let redirect_uri = format!("http://{authority}{path}");
        let authorities = vec![authority];
        let served = Served { path, authorities };
        Ok(Self::start(redirect_uri, served, vec![listener], visits))
    }

    /// Sends each request for the path, or one below it, to `visits`. Other paths get a 404,
    /// requests with another `Host` a 421.
    fn start(
        redirect_uri: String,
        served: Served,
        listeners: Vec<TcpListener>,
        visits: &mpsc::Sender<Visit>,
    ) -> Self {
        let served = Arc::new(served);
        let accept = |one| accept(one, served.clone(), visits.clone());
        Self {
            redirect_uri,
            _listeners: listeners.into_iter().map(accept).collect(),
        }
    }
}

async fn accept(listener: TcpListener, served: Arc<Served>, visits: mpsc::Sender<Visit>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        match (listener.accept().await, slots.clone().try_acquire_owned()) {
            (Ok((stream, _)), Ok(slot)) => {
                let (served, visits) = (served.clone(), visits.clone());
                tokio::spawn(async move {
                    connection(stream, &served, &visits).await;
                    drop(slot);
                });
            }
            (Ok(_), Err(_)) => {}
            // out of file descriptors, most likely: let others finish first
            (Err(_), _) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: TcpStream, served: &Served, visits: &mpsc::Sender<Visit>) {
    let (_open, connection) = watch::channel(());
    let service = service_fn(|request| {
        let connection = connection.clone();
        async move { Ok::<_, Infallible>(respond(request, served, visits, connection).await) }
    });
    // a broken connection is the browser's business
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: Request<Incoming>,
    served: &Served,
    visits: &mpsc::Sender<Visit>,
    connection: watch::Receiver<()>,
) -> Response<Full<Bytes>> {
    let target = request.uri().path_and_query();
    let target = target.map_or("/", |target| target.as_str());
    let target = Url::parse("http://localhost").and_then(|base| base.join(target));
    let page = match target {
        _ if !served.has_authority(request.headers()) => {
            Page::not_found(StatusCode::MISDIRECTED_REQUEST)
        }
        Ok(target) if request.method() == Method::GET && is_below(target.path(), &served.path) => {
            let (page, shown) = oneshot::channel();
            let browser = Some(Browser { page, connection });
            // dropped unanswered, the visit ends the wait too
            let _ = visits.send(Visit { target, browser }).await;
            shown.await.unwrap_or_else(|_| Page::over())
        }
        _ => Page::not_found(StatusCode::NOT_FOUND),
    };
    let mut response = Response::new(Full::new(Bytes::from(page.html)));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    let location = page.location.map(header::HeaderValue::try_from);
    if let Some(Ok(location)) = location {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// Returns true if `target` is this path, or one below it.
fn is_below(target: &str, path: &str) -> bool {
    target
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl Served {
    fn has_authority(&self, headers: &header::HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        match (hosts.next(), hosts.next()) {
            (Some(host), None) => self
                .authorities
                .iter()
                .any(|authority| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes())),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
