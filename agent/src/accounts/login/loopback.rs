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
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use url::Url;

use super::error::LoopbackError;
use super::local_redirect::{LocalRedirect, passed_on_authorities};
use super::pages;

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

/// A bound listener and the redirect URI it stands for.
pub struct Loopback {
    pub redirect_uri: String,
    served: Served,
    listeners: Vec<TcpListener>,
}

/// Which requests are answered.
struct Served {
    /// This path, and those below it.
    path: String,
    /// What `Host` may be. Any other is a page's own name that was made to lead to this machine
    /// (DNS rebinding).
    authorities: Vec<String>,
}

/// A request to the loopback listener, to be answered with a page.
pub struct Visit {
    /// Path and query as the browser sent them.
    pub target: Url,
    /// `None`: a person brought the address, and no browser waits here.
    answer: Option<oneshot::Sender<Page>>,
}

/// What the browser is shown.
pub struct Page {
    status: StatusCode,
    location: Option<String>,
    html: String,
}

impl Visit {
    /// Makes a visit of an address that a person brought.
    pub fn brought(target: Url) -> Self {
        Self {
            target,
            answer: None,
        }
    }

    pub fn is_of_a_browser(&self) -> bool {
        self.answer.is_some()
    }

    /// Returns the first query parameter `name`, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).into_iter().next()
    }

    /// Returns every query parameter `name`, decoded.
    pub fn parameters(&self, name: &str) -> Vec<String> {
        self.target
            .query_pairs()
            .filter(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    pub fn answer(self, page: Page) {
        if let Some(answer) = self.answer {
            // the person may have closed the window already
            let _ = answer.send(page);
        }
    }
}

impl Page {
    fn new(status: StatusCode, html: String) -> Self {
        Self {
            status,
            location: None,
            html,
        }
    }

    pub fn html(html: String) -> Self {
        Self::new(StatusCode::OK, html)
    }

    pub fn failure(html: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, html)
    }

    pub fn redirect(to: &str) -> Self {
        Self {
            location: Some(to.to_owned()),
            ..Self::new(StatusCode::FOUND, String::new())
        }
    }
}

impl Loopback {
    /// Binds the first of `redirect_uris` whose port is free. `remote`: the redirect URI that the
    /// provider is sent instead, from where requests are passed on to us.
    ///
    /// # Errors
    /// [`LoopbackError::NotLoopback`] if any of them leads to where we do not listen.
    pub async fn bind(
        redirect_uris: &[String],
        remote: Option<&str>,
    ) -> Result<Self, LoopbackError> {
        let local: Vec<_> = redirect_uris
            .iter()
            .map(|uri| LocalRedirect::parse(uri))
            .collect::<Result<_, _>>()?;
        let mut busy = Vec::new();
        for (redirect_uri, local) in redirect_uris.iter().zip(local) {
            match local.listen().await {
                Ok(listeners) => {
                    let authorities = match remote {
                        None => vec![local.authority],
                        Some(remote) => passed_on_authorities(remote, local.port),
                    };
                    return Ok(Self {
                        redirect_uri: redirect_uri.clone(),
                        served: Served {
                            path: local.path,
                            authorities,
                        },
                        listeners,
                    });
                }
                Err(_) => busy.push(local.port.to_string()),
            }
        }
        Err(LoopbackError::AllBusy(busy.join(", ")))
    }

    /// Binds any free port, for a page of our own. Its address is not `localhost`, which may lead
    /// to the other address family, where another program could have the port.
    pub async fn bind_any(path: &str) -> Result<Self, LoopbackError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let authority = listener.local_addr()?.to_string();
        Ok(Self {
            redirect_uri: format!("http://{authority}{path}"),
            served: Served {
                path: path.to_owned(),
                authorities: vec![authority],
            },
            listeners: vec![listener],
        })
    }

    /// Sends each request for the path, or one below it, to `visits`. Other paths get a 404,
    /// requests with another `Host` a 421.
    pub fn serve(self, visits: mpsc::Sender<Visit>) -> Server {
        let (stop, stopped) = watch::channel(());
        let served = Arc::new(self.served);
        let mut tasks = JoinSet::new();
        for listener in self.listeners {
            let (served, visits, stopped) = (served.clone(), visits.clone(), stopped.clone());
            tasks.spawn(accept(listener, served, visits, stopped));
        }
        Server { stop, tasks }
    }
}

/// Keeps the listener alive; dropping it closes the port and every connection.
pub struct Server {
    stop: watch::Sender<()>,
    tasks: JoinSet<()>,
}

impl Server {
    /// Closes the port, and lets answers that are on their way arrive. That goes on by itself;
    /// the returned future only tells when it is over.
    pub fn finish(self) -> impl Future<Output = ()> + use<> {
        let Self { stop, mut tasks } = self;
        drop(stop);
        let drained = tokio::spawn(async move {
            let drained = async { while tasks.join_next().await.is_some() {} };
            // a browser that does not read its answer is not waited for
            let _ = tokio::time::timeout(Duration::from_secs(5), drained).await;
        });
        async move {
            let _ = drained.await;
        }
    }
}

async fn accept(
    listener: TcpListener,
    served: Arc<Served>,
    visits: mpsc::Sender<Visit>,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < 32 => {
                    connections.spawn(connection(stream, served.clone(), visits.clone()));
                }
                Ok(_) => {}
                // out of file descriptors, most likely: let others finish first
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, visits));
    while connections.join_next().await.is_some() {}
}

async fn connection(stream: TcpStream, served: Arc<Served>, visits: mpsc::Sender<Visit>) {
    let service = service_fn(move |request| {
        let (served, visits) = (served.clone(), visits.clone());
        async move { Ok::<_, Infallible>(respond(request, &served, visits).await) }
    });
    // a broken connection is the browser's business
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(
    request: Request<Incoming>,
    served: &Served,
    visits: mpsc::Sender<Visit>,
) -> Response<Full<Bytes>> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let target = Url::parse("http://localhost").and_then(|base| base.join(target));
    let page = match target {
        _ if !served.has_authority(request.headers()) => {
            Page::new(StatusCode::MISDIRECTED_REQUEST, pages::not_found())
        }
        Ok(target)
            if request.method() == hyper::Method::GET && is_below(target.path(), &served.path) =>
        {
            let (answer, page) = oneshot::channel();
            let answer = Some(answer);
            // dropped unanswered, the visit ends the wait too
            let _ = visits.send(Visit { target, answer }).await;
            let page = page.await;
            page.unwrap_or_else(|_| Page::failure(pages::over()))
        }
        _ => Page::new(StatusCode::NOT_FOUND, pages::not_found()),
    };
    let mut response = Response::new(Full::new(Bytes::from(page.html)));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    if let Some(location) = page
        .location
        .and_then(|l| header::HeaderValue::try_from(l).ok())
    {
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
mod tests {
    use super::*;

    /// One that is not listened on would wait for an answer that cannot come.
    #[tokio::test]
    async fn a_redirect_uri_that_leads_elsewhere_is_refused_before_any_is_bound() {
        let uris = ["http://127.0.0.1:1/x", "http://127.0.0.2:1/x"].map(str::to_owned);
        let refused = Loopback::bind(&uris, None).await;
        assert!(matches!(refused, Err(LoopbackError::NotLoopback(uri)) if uri == uris[1]));
    }

    #[tokio::test]
    async fn a_busy_port_is_passed_over() {
        let first = Loopback::bind_any("/x").await.unwrap();
        let port = first.listeners[0].local_addr().unwrap().port();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let other = free.local_addr().unwrap().port();
        drop(free);
        let uris = [port, other].map(|port| format!("http://localhost:{port}/login-callback"));
        let bound = Loopback::bind(&uris, None).await.unwrap();
        assert_eq!(bound.redirect_uri, uris[1]);
        let busy = Loopback::bind(&uris[..1], None).await;
        assert!(matches!(busy, Err(LoopbackError::AllBusy(_))));
    }
}
