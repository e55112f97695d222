use super::super::made::{self, Certificate, Key, login, strings};
use super::*;

const NOW: UnixTime = UnixTime(1_000_000);

/// `user`, `name`, and keys with whether they are authorities.
fn host(user: &str, name: &str, keys: &[(&[u8], bool)]) -> Vec<u8> {
    let mut host = strings(&[user.as_bytes(), name.as_bytes(), b""]);
    for (key, is_authority) in keys {
        host.extend(strings(&[key]));
        host.push(u8::from(*is_authority));
    }
    host
}

fn constraints(steps: &[(Vec<u8>, Vec<u8>)]) -> Constraints {
    let steps = steps.iter().map(|(from, to)| strings(&[from, to, b""]));
    let body: Vec<u8> = steps.flat_map(|step| strings(&[&step])).collect();
    Constraints {
        confirm: false,
        destinations: Destination::parse_all(&body).unwrap(),
    }
}

fn bindings(binds: &[(&Key, bool)]) -> Bindings {
    let mut bindings = Bindings::default();
    for (number, (key, is_forwarding)) in binds.iter().enumerate() {
        let body = made::bind(&key.blob(), key, &[b's', number as u8], *is_forwarding);
        bindings.bind(&body).unwrap();
    }
    bindings
}

#[test]
fn a_key_is_used_along_permitted_steps_only() {
    let (hop, server, other, user) = (
        Key::ed25519(),
        Key::p256(),
        Key::ed25519(),
        Key::ed25519().blob(),
    );
    let nowhere = || host("", "", &[]);
    let to_hop = (nowhere(), host("", "hop", &[(&hop.blob(), false)]));
    let onwards = (
        host("", "hop", &[(&hop.blob(), false)]),
        host("ali*", "server", &[(&server.blob(), false)]),
    );
    let key = constraints(&[to_hop, onwards]);
    let listed = |binds: &[(&Key, bool)]| key.check_listed(&bindings(binds), NOW);
    let refused = Err(Refusal::OtherDestination);
    assert_eq!(listed(&[]), Ok(()), "on this machine all is listed");
    assert_eq!(listed(&[(&hop, false)]), Ok(()));
    assert_eq!(listed(&[(&hop, true)]), Ok(()), "it leads on from there");
    assert_eq!(listed(&[(&hop, true), (&server, false)]), Ok(()));
    assert_eq!(listed(&[(&server, false)]), refused);
    assert_eq!(listed(&[(&other, false)]), refused);
    assert_eq!(listed(&[(&hop, true), (&other, false)]), refused);
    let beyond = listed(&[(&hop, true), (&server, true)]);
    assert_eq!(beyond, refused, "nothing leads on from the server");

    let sign = |binds: &[(&Key, bool)], data: &[u8]| {
        key.check_signature(&user, data, &bindings(binds), NOW)
    };
    let way = [(&hop, true), (&server, false)];
    let host_key = server.blob();
    let good = login(&user, b"s\x01", "alice", Some(&host_key));
    assert_eq!(sign(&way, &good), Ok(()));
    assert_eq!(sign(&[], &good), Err(Refusal::NoSuchLogin));
    for (data, why) in [
        (
            login(&user, b"s\x01", "root", Some(&host_key)),
            Refusal::OtherDestination,
        ),
        (
            login(&user, b"s\x00", "alice", Some(&host_key)),
            Refusal::NoSuchLogin,
        ),
        (
            login(&user, b"s\x01", "alice", Some(&hop.blob())),
            Refusal::NoSuchLogin,
        ),
        (
            login(&hop.blob(), b"s\x01", "alice", Some(&host_key)),
            Refusal::NoSuchLogin,
        ),
        (login(&user, b"s\x01", "alice", None), Refusal::NoSuchLogin),
        (b"a commit".to_vec(), Refusal::NoSuchLogin),
    ] {
        assert_eq!(sign(&way, &data), Err(why));
    }
    // the first step is this machine's own ssh
    let first = login(&user, b"s\x00", "alice", None);
    assert_eq!(sign(&[(&hop, false)], &first), Ok(()));
    assert_eq!(
        sign(&[(&hop, true)], &first),
        refused,
        "a step on the way is no login"
    );
}

#[test]
fn a_bind_that_failed_makes_the_key_unusable() {
    let (hop, forger) = (Key::ed25519(), Key::ed25519());
    let key = constraints(&[(host("", "", &[]), host("", "hop", &[(&hop.blob(), false)]))]);
    let mut bindings = Bindings::default();
    let forged = made::bind(&hop.blob(), &forger, b"s", false);
    bindings.bind(&forged).unwrap_err();
    assert_eq!(key.check_listed(&bindings, NOW), Err(Refusal::BindFailed));
    let data = login(b"key", b"s", "alice", None);
    let signed = key.check_signature(b"key", &data, &bindings, NOW);
    assert_eq!(signed, Err(Refusal::BindFailed));
    let free = Constraints::default();
    assert_eq!(free.check_listed(&bindings, NOW), Ok(()));
    assert_eq!(free.check_signature(b"key", &data, &bindings, NOW), Ok(()));
}

#[test]
fn a_host_authority_vouches_for_names_it_certified_while_they_are_valid() {
    let (authority, server, other) = (Key::p256(), Key::ed25519(), Key::ed25519());
    let key = constraints(&[(
        host("", "", &[]),
        host("", "web1", &[(&authority.blob(), true)]),
    )]);
    let listed = |certificate: &Certificate<'_>| {
        let body = made::bind(&certificate.blob(), &server, b"s", false);
        let mut bindings = Bindings::default();
        bindings.bind(&body).unwrap();
        key.check_listed(&bindings, NOW).is_ok()
    };
    let certificate = |principals: &[&str]| Certificate::new(&server, &authority, principals);
    assert!(listed(&certificate(&["web1"])));
    assert!(listed(&certificate(&["web*"])));
    assert!(!listed(&certificate(&["web2"])));
    assert!(!listed(&certificate(&[])), "one for every host names none");
    assert!(!listed(&Certificate::new(&server, &other, &["web1"])));
    let mut ended = certificate(&["web1"]);
    ended.valid_before = 1_000_000;
    assert!(!listed(&ended));
    // the authority's own key is no host's
    assert!(
        key.check_listed(&bindings(&[(&authority, false)]), NOW)
            .is_err()
    );
}

#[test]
fn constraints_that_are_not_understood_are_malformed() {
    let key = Key::ed25519().blob();
    let (nowhere, to) = (host("", "", &[]), host("", "h", &[(&key, false)]));
    let parse = |step: Vec<u8>| Destination::parse_all(&strings(&[&step])).map(|all| all.len());
    assert_eq!(parse(strings(&[&nowhere, &to, b""])), Ok(1));
    for step in [
        strings(&[&nowhere, &to, b"an extension"]),
        strings(&[&nowhere, &nowhere, b""]),
        strings(&[&nowhere, &host("", "h", &[]), b""]),
        strings(&[&host("", "h", &[]), &to, b""]),
        strings(&[&host("", "", &[(&key, false)]), &to, b""]),
        strings(&[&host("alice", "h", &[(&key, false)]), &to, b""]),
        strings(&[&nowhere, &[&to[..], b"more"].concat(), b""]),
        [&strings(&[&nowhere, &to, b""])[..], b"more"].concat(),
    ] {
        assert_eq!(parse(step), Err(Malformed));
    }
    let step = strings(&[&nowhere, &to, b""]);
    let many: Vec<u8> = (0..=MAX_DESTINATIONS)
        .flat_map(|_| strings(&[&step]))
        .collect();
    assert_eq!(Destination::parse_all(&many).err(), Some(Malformed));
}
