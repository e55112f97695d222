use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use opkssh_protocol::time::UnixTime;
use opkssh_protocol::wire::Reader;

use super::*;
use crate::serving::made::{Certificate, Key, added_key, strings};

async fn listed(keys: &AddedKeys) -> Vec<Vec<u8>> {
    let identities = keys.identities().await;
    identities.iter().map(|it| it.blob.clone()).collect()
}

#[tokio::test]
async fn the_same_key_again_takes_the_place_of_the_first() {
    let keys = AddedKeys::new(None);
    let ((one, one_blob), (other, other_blob)) = (added_key(1), added_key(2));
    keys.add(&one).await.unwrap();
    keys.add(&other).await.unwrap();
    keys.add(&[&one[..], b"\x02"].concat()).await.unwrap();
    assert_eq!(listed(&keys).await, [one_blob.clone(), other_blob.clone()]);
    let identities = keys.identities().await;
    let Terms::Added(constraints) = &identities[0].terms else {
        panic!("an account");
    };
    assert!(constraints.confirm, "constraints are the new request's");
    assert!(keys.remove(&one_blob));
    assert!(!keys.remove(&one_blob));
    assert_eq!(listed(&keys).await, [other_blob]);
    keys.remove_all();
    assert!(listed(&keys).await.is_empty());
}

#[tokio::test]
async fn a_request_that_is_not_understood_adds_nothing() {
    let keys = AddedKeys::new(None);
    let (request, _) = added_key(1);
    let with = |constraints: &[u8]| [&request[..], constraints].concat();
    let extension = |name: &[u8]| [&b"\xff"[..], &strings(&[name, b""])].concat();
    for (request, why) in [
        (b"".to_vec(), "malformed"),
        (with(b"\x01\0\0"), "malformed"),
        (with(b"\x02\x02"), "comes twice"),
        (with(b"\x01\0\0\0\x09\x01\0\0\0\x09"), "comes twice"),
        (with(b"\x07"), "number 7"),
        (with(b"\x03\0\0\0\x05"), "number 3"),
        (with(&extension(b"sk-provider@openssh.com")), "sk-provider"),
        (
            with(&extension(b"associated-certs-v00@openssh.com")),
            "associated-certs",
        ),
        (strings(&[b"ssh-dss", b"", b""]), "ssh-dss"),
        (strings(&[b"sk-ssh-ed25519@openssh.com", b""]), "upstream"),
        (
            strings(&[b"ssh-ed25519", &[1; 32], &[2; 64], b"comment"]),
            "does not belong",
        ),
        (
            strings(&[b"ssh-ed25519", b"", b"", b"comment"]),
            "does not belong",
        ),
        (
            strings(&[b"ssh-rsa", &[3], &[3], &[3], &[3], &[3], &[3], b""]),
            "16384 bits",
        ),
        (
            strings(&[b"ssh-rsa", &[0xff], &[3], &[3], &[3], &[3], &[3], b""]),
            "malformed",
        ),
        (
            strings(&[b"ecdsa-sha2-nistp521", b"nistp521", b"\x04", &[1; 67], b""]),
            "does not belong",
        ),
        (
            strings(&[b"ecdsa-sha2-nistp256", b"nistp384", b"\x04", &[1], b""]),
            "does not belong",
        ),
    ] {
        let error = keys.add(&request).await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
    for end in 0..request.len() {
        keys.add(&request[..end]).await.unwrap_err();
    }
    assert!(listed(&keys).await.is_empty());
}

/// Keys whose time is what the test says, in seconds.
fn timed(default_lifetime: Option<Duration>) -> (Arc<AddedKeys>, Arc<AtomicU64>) {
    let time = Arc::new(AtomicU64::new(1_000));
    let clock = time.clone();
    let keys = AddedKeys::with_clock(default_lifetime, move || Now {
        since_boot: Duration::from_secs(clock.load(Relaxed)),
        wall: UnixTime(clock.load(Relaxed) as i64),
    });
    (Arc::new(keys), time)
}

/// How many are in the table, whose time is over or not.
fn held(keys: &AddedKeys) -> usize {
    match &*keys.table.lock() {
        Table::Open { keys, .. } => keys.len(),
        Table::Sealed(keys) => keys.len(),
    }
}

#[tokio::test]
async fn a_lock_seals_the_keys_and_their_lifetime_goes_on() {
    let (keys, time) = timed(None);
    let (request, blob) = added_key(1);
    keys.add(&request).await.unwrap();
    let (other, _) = added_key(2);
    let hour = b"\x01\0\0\x0e\x10";
    keys.add(&[&other[..], hour].concat()).await.unwrap();
    let identity = keys.identities().await[0].clone();
    let before = keys.sign(&identity, b"data", 0).await.unwrap();

    let key = SealKey::generate();
    keys.seal(&key.recipient());
    assert!(listed(&keys).await.is_empty());
    assert_eq!(keys.sign(&identity, b"data", 0).await, None);
    assert_eq!(keys.add(&request).await, Err(KeyChangeError::Locked));
    assert_eq!(keys.count(), 2);
    time.fetch_add(1_800, Relaxed);
    keys.open(&key);
    assert_eq!(listed(&keys).await.len(), 2);
    assert_eq!(keys.sign(&identity, b"data", 0).await, Some(before));
    time.fetch_add(1_800, Relaxed);
    assert_eq!(listed(&keys).await, std::slice::from_ref(&blob));

    // what was removed while locked does not come back
    keys.seal(&key.recipient());
    keys.remove_all();
    keys.open(&key);
    assert!(listed(&keys).await.is_empty());

    // another key opens nothing
    keys.add(&request).await.unwrap();
    keys.seal(&key.recipient());
    keys.open(&SealKey::generate());
    assert!(listed(&keys).await.is_empty());
}

#[tokio::test]
async fn a_key_goes_when_its_time_is_over_though_nobody_asks() {
    let (keys, time) = timed(Some(Duration::from_secs(100)));
    let (waits, mut waited) = tokio::sync::mpsc::unbounded_channel();
    let woken = Arc::new(Notify::new());
    let (ends, wakes) = (keys.clone(), woken.clone());
    tokio::spawn(async move {
        let sleep = |left| {
            let _ = waits.send(left);
            wakes.notified()
        };
        ends.remove_ended(sleep).await;
    });
    let (request, _) = added_key(1);
    keys.add(&request).await.unwrap();
    assert_eq!(waited.recv().await, Some(Duration::from_secs(100)));
    let (longer, _) = added_key(2);
    let longer = [&longer[..], b"\x01\0\0\0\xc8"].concat();
    keys.add(&longer).await.unwrap();
    assert_eq!(waited.recv().await, Some(Duration::from_secs(100)));
    time.fetch_add(100, Relaxed);
    woken.notify_one();
    assert_eq!(waited.recv().await, Some(Duration::from_secs(100)));
    assert_eq!(held(&keys), 1, "the first one is gone");
    // locked, too
    keys.seal(&SealKey::generate().recipient());
    time.fetch_add(100, Relaxed);
    woken.notify_one();
    while held(&keys) > 0 {
        tokio::task::yield_now().await;
    }
}

/// A request to add the key of `added_key(number)` with a certificate.
fn certified(number: u8, certificate: &Certificate<'_>) -> Vec<u8> {
    let (request, _) = added_key(number);
    let mut fields = Reader::new(&request);
    let _kind = fields.string().unwrap();
    let kind: &[u8] = b"ssh-ed25519-cert-v01@openssh.com";
    [&strings(&[kind, &certificate.blob()])[..], fields.rest()].concat()
}

#[tokio::test]
async fn a_certificate_is_its_key_s_and_its_authority_s_and_goes_when_it_ends() {
    let (keys, time) = timed(None);
    let (_, public) = added_key(1);
    let (authority, other) = (Key::p256(), Key::ed25519());
    let mut certificate = Certificate::of_blob(&public, &authority);
    certificate.kind = 1;
    certificate.valid_before = 1_100;
    keys.add(&certified(1, &certificate)).await.unwrap();
    assert_eq!(listed(&keys).await, [certificate.blob()]);
    let of_another_key = keys.add(&certified(2, &certificate)).await;
    assert_eq!(of_another_key, Err(KeyChangeError::Mismatch));
    let identity = keys.identities().await[0].clone();
    assert!(keys.sign(&identity, b"data", 0).await.is_some());
    time.fetch_add(100, Relaxed);
    assert_eq!(keys.sign(&identity, b"data", 0).await, None);
    assert!(listed(&keys).await.is_empty());

    // one that has ended before it is added is kept, as by OpenSSH's agent
    keys.add(&certified(1, &certificate)).await.unwrap();
    assert_eq!(listed(&keys).await, [certificate.blob()]);
    keys.remove_all();

    certificate.valid_before = u64::MAX;
    certificate.signer = Some(&other);
    let forged = keys.add(&certified(1, &certificate)).await;
    assert_eq!(forged, Err(KeyChangeError::Certificate));
}

#[tokio::test]
async fn a_key_with_a_tiny_prime_is_refused() {
    let keys = AddedKeys::new(None);
    // n = 3 * q, of 1024 bits
    let mut q = [0xff; 128];
    q[0] = 0x2a;
    let n = {
        let product = rsa_number(&q) * rsa_number(&[3]);
        product.to_bytes_be()
    };
    let field = |number: &[u8]| [&[0][..], number].concat();
    let fields: Vec<Vec<u8>> = [&n[..], &[3], &[1], &[1], &[3], &q].map(field).into();
    let fields: Vec<&[u8]> = fields.iter().map(Vec::as_slice).collect();
    let request = [
        &strings(&[b"ssh-rsa"])[..],
        &strings(&fields),
        &strings(&[b"comment"]),
    ]
    .concat();
    assert_eq!(keys.add(&request).await, Err(KeyChangeError::Mismatch));
}

fn rsa_number(bytes: &[u8]) -> ::rsa::BigUint {
    ::rsa::BigUint::from_bytes_be(bytes)
}
