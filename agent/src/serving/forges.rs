//! Public forges by the host keys that they publish.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::digest::{SHA256, digest};

const PUBLISHED: &str = include_str!("forge_keys.txt");

/// Returns the name of the forge that publishes this host key.
pub fn publisher(key: &[u8]) -> Option<&'static str> {
    let fingerprint = STANDARD_NO_PAD.encode(digest(&SHA256, key));
    entries().find_map(|(name, published)| (published == fingerprint).then_some(name))
}

fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

#[cfg(test)]
mod tests;
