//! The loopback redirect (RFC 8252 section 7.3): a listener on this machine that the provider
//! sends the browser back to.

use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr};
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

use super::pages;

#[derive(Debug, thiserror::Error)]
pub enum LoopbackError {
    #[error(
        "redirect URI {0:?} must be http://localhost:PORT/PATH or a loopback address with a port"
    )]
    NotLoopback(String),
    #[error("all of the redirect ports are busy: {0}")]
    AllBusy(String),
    #[error("no loopback listener: {0}")]
    Listen(#[from] std::io::Error),
}

/// A bound listener and the redirect URI it stands for.
pub struct Loopback {
    pub redirect_uri: String,
    path: String,
    listeners: Vec<TcpListener>,
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
    /// An address that a person brought.
    pub fn brought(target: Url) -> Self {
        Self {
            target,
            answer: None,
        }
    }

    pub fn is_of_a_browser(&self) -> bool {
        self.answer.is_some()
    }

    /// Query parameter `name`, decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.target
            .query_pairs()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    pub fn answer(self, page: Page) {
        if let Some(answer) = self.answer {
            // the person may have closed the window already
            let _ = answer.send(page);
        }
    }
}

impl Page {
    pub fn html(html: String) -> Self {
        Self {
            status: StatusCode::OK,
            location: None,
            html,
        }
    }

    pub fn failure(html: String) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            location: None,
            html,
        }
    }

    pub fn redirect(to: &str) -> Self {
        Self {
            status: StatusCode::FOUND,
            location: Some(to.to_owned()),
            html: String::new(),
        }
    }
}

impl Loopback {
    /// Binds the first of `redirect_uris` whose port is free.
    pub async fn bind(redirect_uris: &[String]) -> Result<Self, LoopbackError> {
        let mut busy = Vec::new();
        for redirect_uri in redirect_uris {
            let (port, path) = port_and_path(redirect_uri)?;
            match listen(port).await {
                Ok(listeners) => {
                    return Ok(Self {
                        redirect_uri: redirect_uri.clone(),
                        path,
                        listeners,
                    });
                }
                Err(_) => busy.push(port.to_string()),
            }
        }
        Err(LoopbackError::AllBusy(busy.join(", ")))
    }

    /// Binds any free port, for a page of our own.
    pub async fn bind_any(path: &str) -> Result<Self, LoopbackError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let uri = format!("http://localhost:{port}{path}");
        Ok(Self {
            redirect_uri: uri,
            path: path.to_owned(),
            listeners: vec![listener],
        })
    }

    /// Serves until the returned receiver is dropped; requests to other paths get a 404.
    pub fn serve(self) -> (Server, mpsc::Receiver<Visit>) {
        let (visits, receiver) = mpsc::channel(4);
        (self.serve_to(visits), receiver)
    }

    /// As [`Loopback::serve`], with a channel that others send to as well.
    pub fn serve_to(self, visits: mpsc::Sender<Visit>) -> Server {
        let (stop, stopped) = watch::channel(());
        let path = Arc::new(self.path);
        let mut tasks = JoinSet::new();
        for listener in self.listeners {
            tasks.spawn(accept(
                listener,
                path.clone(),
                visits.clone(),
                stopped.clone(),
            ));
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
    path: Arc<String>,
    visits: mpsc::Sender<Visit>,
    mut stopped: watch::Receiver<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if connections.len() < 32 => {
                    connections.spawn(connection(stream, path.clone(), visits.clone()));
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

async fn connection(stream: TcpStream, path: Arc<String>, visits: mpsc::Sender<Visit>) {
    let service = service_fn(move |request| {
        let (path, visits) = (path.clone(), visits.clone());
        async move { Ok::<_, Infallible>(respond(request, &path, visits).await) }
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
    path: &str,
    visits: mpsc::Sender<Visit>,
) -> Response<Full<Bytes>> {
    let target = request
        .uri()
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let target = Url::parse("http://localhost").and_then(|base| base.join(target));
    let page = match target {
        Ok(target) if request.method() == hyper::Method::GET && is_below(target.path(), path) => {
            let (answer, page) = oneshot::channel();
            let page = match visits
                .send(Visit {
                    target,
                    answer: Some(answer),
                })
                .await
            {
                Ok(()) => page.await.ok(),
                Err(_) => None,
            };
            page.unwrap_or_else(|| Page::failure(pages::over()))
        }
        _ => Page {
            status: StatusCode::NOT_FOUND,
            location: None,
            html: pages::not_found(),
        },
    };
    let mut response = Response::new(Full::new(Bytes::from(page.html)));
    *response.status_mut() = page.status;
    let headers = response.headers_mut();
    let html = header::HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, html);
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        header::HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        header::HeaderValue::from_static("no-referrer"),
    );
    if let Some(location) = page
        .location
        .and_then(|l| header::HeaderValue::try_from(l).ok())
    {
        headers.insert(header::LOCATION, location);
    }
    response
}

/// Is `target` this path, or one below it?
fn is_below(target: &str, path: &str) -> bool {
    target
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Listens where a browser may look for `localhost`: IPv4, and IPv6 where there is any. A port
/// that another program holds on either counts as busy, or it could take the code from us.
async fn listen(port: u16) -> std::io::Result<Vec<TcpListener>> {
    let mut listeners = vec![TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
        Ok(listener) => listeners.push(listener),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(error),
        Err(_) => {}
    }
    Ok(listeners)
}

fn port_and_path(redirect_uri: &str) -> Result<(u16, String), LoopbackError> {
    let refused = || LoopbackError::NotLoopback(redirect_uri.to_owned());
    let url = Url::parse(redirect_uri).map_err(|_| refused())?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.port() {
        Some(port) if loopback && url.scheme() == "http" => Ok((port, url.path().to_owned())),
        _ => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_addresses_with_a_port() {
        for uri in [
            "https://localhost:3000/x",
            "http://example.com:3000/x",
            "http://localhost/x",
            "http://localhost.example.com:3000/",
            "http://0.0.0.0:3000/",
            "x",
        ] {
            assert!(port_and_path(uri).is_err(), "{uri}");
        }
        for uri in [
            "http://localhost:3000/x",
            "http://127.0.0.1:1/x",
            "http://[::1]:9/x",
        ] {
            assert!(port_and_path(uri).is_ok(), "{uri}");
        }
    }

    #[tokio::test]
    async fn a_busy_port_is_passed_over() {
        let first = Loopback::bind_any("/x").await.unwrap();
        let port = first.listeners[0].local_addr().unwrap().port();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let other = free.local_addr().unwrap().port();
        drop(free);
        let uris = [port, other].map(|port| format!("http://localhost:{port}/login-callback"));
        assert_eq!(Loopback::bind(&uris).await.unwrap().redirect_uri, uris[1]);
        let busy = Loopback::bind(&uris[..1]).await;
        assert!(matches!(busy, Err(LoopbackError::AllBusy(_))));
    }
}
