//! Certificates and tokens that were touched in any place: none of them is let in.
//!
//! The same variants at each run. `OPKSSH_MUTATIONS=1000000 cargo test -p opkssh-server --release
//! --test mutations` tries more of them. The parsers by themselves are fuzzed, see `fuzz/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod forge;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use forge::{Login, ProviderKey};
use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::control::KeyType;
use opkssh_protocol::pk_token::UnverifiedPkToken;

/// What parsers stumble over.
const TOKENS: [&[u8]; 22] = [
    b"\0",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x7f\xff\xff\xff",
    b"\x80",
    b"\n",
    b"\r\n",
    b"\"",
    b"'",
    b"\\",
    b":",
    b".",
    b"=",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b"null",
    b"1e999",
    b"\xc3",
    b"#",
];

fn count() -> u64 {
    let count = std::env::var("OPKSSH_MUTATIONS").ok();
    count.and_then(|count| count.parse().ok()).unwrap_or(300)
}

/// xorshift64*: the same numbers at each run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap()
    }
}

/// One to four changes: bits, bytes, tokens, pieces moved, doubled and cut off.
fn mutated(seed: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        let (at, other) = (random.below(bytes.len() + 1), random.below(bytes.len() + 1));
        let (from, to) = (at.min(other), at.max(other));
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            2 => {
                let token = TOKENS[random.below(TOKENS.len())];
                bytes.splice(at..at, token.iter().copied());
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(from..to)),
            5 if to - from < 4096 && bytes.len() < 100_000 => {
                let piece = bytes[from..to].to_vec();
                let times = 1 + random.below(3);
                bytes.splice(at..at, piece.repeat(times));
            }
            6 => bytes[from..to].reverse(),
            _ => {
                let token = TOKENS[random.below(TOKENS.len())];
                for (place, byte) in bytes[at..].iter_mut().zip(token) {
                    *place = *byte;
                }
            }
        }
    }
    bytes
}

/// Feeds `target` with variants of each seed.
fn each(seeds: &[Vec<u8>], mut target: impl FnMut(&[u8])) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    for seed in seeds {
        target(seed);
        for _ in 0..count() {
            target(&mutated(seed, &mut random));
        }
    }
}

fn logins() -> [Login; 3] {
    [
        Login::new(),
        Login::of(ProviderKey::rs256(), KeyType::Ecdsa),
        Login::of(ProviderKey::es256(), KeyType::Ed25519),
    ]
}

#[test]
fn a_certificate_that_was_touched_is_not_let_in() {
    for login in logins() {
        let (kind, base64) = login.words();
        let good = STANDARD.decode(&base64).unwrap();
        assert!(login.outcome_of(&kind, &base64).is_ok());
        each(std::slice::from_ref(&good), |blob| {
            let _ = UnverifiedCertificate::parse(blob);
            let outcome = login.outcome_of(&kind, &STANDARD.encode(blob));
            assert!(outcome.is_err() || blob == good, "{blob:02x?}");
        });
    }
}

#[test]
fn a_token_that_was_touched_is_not_let_in_even_in_a_good_certificate() {
    for login in logins() {
        let good = login.pk_token();
        let decoded = UnverifiedPkToken::parse_compact(&good).unwrap();
        each(&[good.clone().into_bytes()], |bytes| {
            let token = String::from_utf8_lossy(bytes);
            let read = UnverifiedPkToken::parse_compact(&token);
            let (kind, base64) = login.certificate.words(&login.user_key, &token);
            let outcome = login.outcome_of(&kind, &base64);
            // what reads as the same token is the same token
            let same = read.is_ok_and(|read| read.compact() == decoded.compact());
            assert!(outcome.is_err() || same, "{token}");
        });
    }
}
