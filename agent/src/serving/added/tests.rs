use super::*;
use crate::serving::made::{added_key, strings};

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

#[tokio::test]
async fn a_lock_seals_the_keys_and_their_lifetime_goes_on() {
    let keys = AddedKeys::new(None);
    let (request, blob) = added_key(1);
    keys.add(&request).await.unwrap();
    let (ending, _) = added_key(2);
    let ending = [&ending[..], b"\x01\0\0\0\0"].concat();
    let identity = keys.identities().await[0].clone();
    let before = keys.sign(&identity, b"data", 0).await.unwrap();

    let key = SealKey::generate();
    keys.seal(&key.recipient());
    assert!(listed(&keys).await.is_empty());
    assert_eq!(keys.sign(&identity, b"data", 0).await, None);
    assert_eq!(keys.add(&ending).await, Err(NotTaken::Locked));
    keys.open(&key);
    assert_eq!(listed(&keys).await, std::slice::from_ref(&blob));
    assert_eq!(keys.sign(&identity, b"data", 0).await, Some(before));

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
    let keys = Arc::new(AddedKeys::new(Some(Duration::ZERO)));
    let (request, _) = added_key(1);
    keys.add(&request).await.unwrap();
    assert!(listed(&keys).await.is_empty(), "by the default lifetime");

    let keys = Arc::new(AddedKeys::new(None));
    let (waits, mut waited) = tokio::sync::mpsc::unbounded_channel();
    let ends = keys.clone();
    tokio::spawn(async move {
        ends.remove_ended(|left| {
            let _ = waits.send(left);
            std::future::pending()
        })
        .await;
    });
    let limited = [&request[..], b"\x01\0\0\x0e\x10"].concat();
    keys.add(&limited).await.unwrap();
    let left = waited.recv().await.unwrap();
    let hour = Duration::from_secs(3600);
    assert!(left <= hour && left > hour / 2, "{left:?}");
    keys.seal(&SealKey::generate().recipient());
    keys.changed.notify_one();
    assert!(waited.recv().await.unwrap() <= hour, "locked, too");
}
