use super::super::host_key::HostKey;
use super::super::made::{Certificate, Key, strings};
use super::*;

const SESSION: &[u8] = b"session";
const HOST_BOUND: &[u8] = b"publickey-hostbound-v00@openssh.com";

fn request(
    key: &[u8],
    session: &[u8],
    service: &[u8],
    method: &[u8],
    host_key: Option<&[u8]>,
) -> Vec<u8> {
    let mut data = strings(&[session]);
    data.push(50);
    data.extend(strings(&[b"root", service, method]));
    data.push(1);
    data.extend(strings(&[b"algorithm", key]));
    data.extend(host_key.map(|key| strings(&[key])).unwrap_or_default());
    data
}

#[test]
fn only_a_login_that_names_the_bound_host_key_is_host_bound() {
    let (user, key, authority) = (Key::p256(), Key::ed25519(), Key::p256());
    let request = |session: &[u8], service: &[u8], method: &[u8], host_key: Option<&[u8]>| {
        request(&user.blob(), session, service, method, host_key)
    };
    let user_key = key_of(&user.blob()).unwrap();
    let certificate = Certificate::new(&key, &authority, &["web1"]).blob();
    for blob in [key.blob(), certificate] {
        let host_key = HostKey::parse(&blob).unwrap();
        let destination = Bind {
            host_key: host_key.into(),
            session_id: SESSION.to_vec(),
            is_for_forwarding: false,
        };
        let ssh = b"ssh-connection";
        let other = authority.blob();
        for (data, expected) in [
            (request(SESSION, ssh, HOST_BOUND, Some(&blob)), Ok(())),
            (
                request(SESSION, ssh, HOST_BOUND, Some(&other)),
                Err(Refusal::NotThisLogin),
            ),
            (
                request(b"another", ssh, HOST_BOUND, Some(&blob)),
                Err(Refusal::NotThisLogin),
            ),
            (
                request(SESSION, b"other", HOST_BOUND, Some(&blob)),
                Err(Refusal::NotThisLogin),
            ),
            (
                request(SESSION, ssh, HOST_BOUND, None),
                Err(Refusal::NotThisLogin),
            ),
            (
                request(SESSION, ssh, b"publickey", None),
                Err(Refusal::NotHostBound),
            ),
            (
                request(SESSION, ssh, b"publickey", Some(&blob)),
                Err(Refusal::NotThisLogin),
            ),
            (
                request(b"another", ssh, b"publickey", None),
                Err(Refusal::NotThisLogin),
            ),
            (
                request(SESSION, ssh, b"hostbased", None),
                Err(Refusal::NotThisLogin),
            ),
            (b"anything".to_vec(), Err(Refusal::NotThisLogin)),
        ] {
            assert_eq!(
                check_login(&destination, &user_key, &data),
                expected,
                "{data:?}"
            );
        }
    }
}

#[test]
fn a_login_that_names_another_key_is_none_of_this_one() {
    let (user, other, host) = (Key::p256(), Key::p256(), Key::ed25519());
    let host_key = HostKey::parse(&host.blob()).unwrap();
    let destination = Bind {
        host_key: host_key.into(),
        session_id: SESSION.to_vec(),
        is_for_forwarding: false,
    };
    let user_key = key_of(&user.blob()).unwrap();
    for (named, expected) in [
        (user.blob(), Ok(())),
        (other.blob(), Err(Refusal::NotThisLogin)),
        (b"key".to_vec(), Err(Refusal::NotThisLogin)),
    ] {
        let data = request(
            &named,
            SESSION,
            b"ssh-connection",
            HOST_BOUND,
            Some(&host.blob()),
        );
        assert_eq!(check_login(&destination, &user_key, &data), expected);
    }
}
