//! Looking for secrets in another process's memory. Needs root.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Read at once; one secret may lie across the border of two.
const CHUNK: u64 = 1024 * 1024;

/// What must not be found, by name.
#[derive(Default)]
pub struct Secrets(Vec<(String, Vec<u8>)>);

impl Secrets {
    /// Of an account, from what the store has of it.
    pub fn of(record: &Value) -> Self {
        let mut secrets = Self::default();
        secrets.add(record);
        secrets
    }

    /// One more, which is long enough not to be found by chance.
    pub fn add_one(&mut self, name: &str, bytes: &[u8]) {
        assert!(bytes.len() >= 16, "the {name} is too short or missing");
        self.0.push((name.to_owned(), bytes.to_vec()));
    }

    pub fn add(&mut self, record: &Value) {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let mut add = |name: &str, bytes: &[u8]| self.add_one(name, bytes);
        add("refresh token", text("refresh_token").as_bytes());
        add("access token", text("access_token").as_bytes());
        let key = text("user_key");
        let (_, key) = key.split_once(':').expect("kind and seed");
        add("user key's text", key.as_bytes());
        let key = URL_SAFE_NO_PAD.decode(key).expect("base64");
        add("user key", &key);
        // as the curve's arithmetic may hold it
        let reversed: Vec<u8> = key.iter().rev().copied().collect();
        add("user key, least byte first", &reversed);
        // the payload, then pairs of header and signature
        let token = text("pk_token");
        let signature = token.split(':').nth(2).expect("the provider's signature");
        let last = signature.rsplit('.').next().unwrap_or_default();
        add("ID token signature", last.as_bytes());
        let raw = URL_SAFE_NO_PAD.decode(last).expect("base64");
        add("ID token signature, decoded", &raw);
    }
}

/// The names of those that the process has somewhere.
pub fn found_in_memory(pid: i32, secrets: &Secrets) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("the maps");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("the memory");
    let longest = secrets.0.iter().map(|(_, bytes)| bytes.len()).max();
    let overlap = longest.unwrap_or_default() as u64;
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, mode) = (fields.next().unwrap(), fields.next().unwrap());
        // what cannot be written is the program itself
        if !mode.starts_with("rw") {
            continue;
        }
        let (start, end) = range.split_once('-').unwrap();
        let parse = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let (mut at, end) = (parse(start), parse(end));
        while at < end {
            let mut chunk = vec![0; usize::try_from((end - at).min(CHUNK + overlap)).unwrap()];
            // a mapping may go away while we read
            if memory.read_exact_at(&mut chunk, at).is_ok() {
                look(&chunk, secrets, &mut found);
            }
            at += CHUNK;
        }
    }
    found
}

fn look(chunk: &[u8], secrets: &Secrets, found: &mut Vec<String>) {
    let mut begins = [false; 256];
    for (_, bytes) in &secrets.0 {
        begins[usize::from(bytes[0])] = true;
    }
    for (at, byte) in chunk.iter().enumerate() {
        if !begins[usize::from(*byte)] {
            continue;
        }
        for (name, bytes) in &secrets.0 {
            if chunk[at..].starts_with(bytes) && !found.contains(name) {
                found.push(name.clone());
            }
        }
    }
}
