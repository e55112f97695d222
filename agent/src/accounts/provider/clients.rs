//! The two pools of connections to providers: through the user's proxy, and straight to this
//! machine. Each comes with the system's certificates, all parsed, so that both go when nobody has
//! asked for a while.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::error::{HttpError, REQUEST_TIMEOUT, causes};
use crate::desktop::surroundings::{Proxies, Surroundings};

/// Unused connections are closed after this.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

pub struct Clients {
    surroundings: Arc<Surroundings>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Kept {
    proxied: Option<Proxied>,
    direct: Option<reqwest::Client>,
    requests: u64,
}

/// A client for these proxies; without, for those that the process's own environment names.
struct Proxied {
    proxies: Option<Proxies>,
    client: reqwest::Client,
}

impl Clients {
    pub fn new(surroundings: Arc<Surroundings>) -> Self {
        Self {
            surroundings,
            kept: Arc::default(),
        }
    }

    /// For one request, which begins now.
    pub fn client(&self, is_loopback: bool) -> Result<reqwest::Client, HttpError> {
        let mut kept = self.kept.lock();
        kept.requests += 1;
        self.let_go_later(kept.requests);
        match is_loopback {
            true => kept.direct(),
            false => kept.proxied(self.surroundings.proxies()),
        }
    }

    /// Drops the clients once the last of so many requests is over and its connection closed.
    fn let_go_later(&self, requests: u64) {
        let kept = Arc::downgrade(&self.kept);
        tokio::spawn(async move {
            tokio::time::sleep(REQUEST_TIMEOUT + IDLE_CONNECTION).await;
            if let Some(kept) = kept.upgrade() {
                kept.lock().let_go(requests);
            }
        });
    }
}

impl Kept {
    fn direct(&mut self) -> Result<reqwest::Client, HttpError> {
        if let Some(client) = &self.direct {
            return Ok(client.clone());
        }
        let client = build(reqwest::Client::builder().no_proxy())?;
        Ok(self.direct.insert(client).clone())
    }

    /// Built anew when a session with other proxies came.
    fn proxied(&mut self, proxies: Option<Proxies>) -> Result<reqwest::Client, HttpError> {
        match &self.proxied {
            Some(known) if known.proxies == proxies => Ok(known.client.clone()),
            _ => {
                let client = build(through(proxies.as_ref()))?;
                self.proxied = Some(Proxied {
                    proxies,
                    client: client.clone(),
                });
                Ok(client)
            }
        }
    }

    /// Unless there were further requests.
    fn let_go(&mut self, requests: u64) {
        if self.requests == requests {
            (self.proxied, self.direct) = (None, None);
        }
    }
}

fn through(proxies: Option<&Proxies>) -> reqwest::ClientBuilder {
    let mut builder = reqwest::Client::builder();
    let Some(proxies) = proxies else {
        return builder;
    };
    let none_for = proxies.none_for.as_deref();
    let none_for = none_for.and_then(reqwest::NoProxy::from_string);
    let named = [
        proxies.http.as_deref().map(reqwest::Proxy::http),
        proxies.https.as_deref().map(reqwest::Proxy::https),
        proxies.all.as_deref().map(reqwest::Proxy::all),
    ];
    for proxy in named.into_iter().flatten() {
        match proxy {
            Ok(proxy) => builder = builder.proxy(proxy.no_proxy(none_for.clone())),
            Err(error) => tracing::warn!("a proxy of the session is of no use: {error}"),
        }
    }
    builder
}

fn build(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, HttpError> {
    // a second call finds it installed already
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .pool_idle_timeout(IDLE_CONNECTION)
        .user_agent(concat!("opkssh-agent/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| HttpError::Setup(causes(&error)))
}

#[cfg(test)]
mod tests {
    use super::super::Http;
    use super::*;

    #[tokio::test]
    async fn a_client_s_proxy_is_used_where_there_is_no_own() {
        use opkssh_protocol::session_environment::SessionEnvironment;
        use tokio::io::AsyncReadExt as _;

        let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", proxy.local_addr().unwrap());
        let surroundings = Surroundings::new(SessionEnvironment::default(), true);
        let http = Http::new(Arc::new(surroundings));
        http.0.surroundings.tell(SessionEnvironment::pick(|name| {
            (name == "https_proxy").then(|| address.clone())
        }));
        let asked = async {
            let (mut stream, _) = proxy.accept().await.unwrap();
            let mut asked = [0; 33];
            stream.read_exact(&mut asked).await.unwrap();
            asked
        };
        let (asked, got) = tokio::join!(asked, http.get("https://id.example.com/x"));
        assert_eq!(&asked, b"CONNECT id.example.com:443 HTTP/1");
        assert!(got.is_err());
        // a session without a proxy takes its place
        http.0.surroundings.tell(SessionEnvironment::default());
        assert!(http.0.surroundings.proxies().is_none());
        http.0.client(false).unwrap();
        let kept = http.0.kept.lock();
        assert!(kept.proxied.as_ref().unwrap().proxies.is_none());
    }

    #[tokio::test]
    async fn clients_go_after_the_last_request() {
        let surroundings = Surroundings::new(Default::default(), true);
        let clients = Clients::new(Arc::new(surroundings));
        for is_loopback in [false, true] {
            clients.client(is_loopback).unwrap();
        }
        let mut kept = clients.kept.lock();
        kept.let_go(1);
        assert!(kept.proxied.is_some() && kept.direct.is_some());
        kept.let_go(2);
        assert!(kept.proxied.is_none() && kept.direct.is_none());
    }
}
