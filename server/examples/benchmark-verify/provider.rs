//! A provider on loopback.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use serde_json::json;

/// The key set that it publishes.
pub static KEYS: OnceLock<String> = OnceLock::new();

/// Discovery and keys, each after a delay.
pub struct Provider {
    pub issuer: String,
    delay: Arc<AtomicU64>,
    requests: Arc<AtomicUsize>,
}

impl Provider {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Self {
            issuer: issuer.clone(),
            delay: Arc::default(),
            requests: Arc::default(),
        };
        let (delay, requests) = (Arc::clone(&provider.delay), Arc::clone(&provider.requests));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                requests.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(delay.load(Ordering::SeqCst)));
                reply(stream, &issuer);
            }
        });
        provider
    }

    pub fn delay(&self, milliseconds: u64) {
        self.delay.store(milliseconds, Ordering::SeqCst);
    }

    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn reply(mut stream: TcpStream, issuer: &str) {
    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let _ = lines.find(String::is_empty);
    let body = if first.contains("/.well-known/") {
        json!({"issuer": issuer, "jwks_uri": format!("{issuer}/keys")}).to_string()
    } else {
        KEYS.get().cloned().unwrap_or_default()
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    let _ = stream.write_all((head + &body).as_bytes());
}
