use super::*;

#[test]
fn the_word_is_found_by_its_place_alone() {
    use Argument::{Connection, RoutingDomain};
    let word = "198.51.100.1 22 192.0.2.7 51234";
    let find = |declared: &[Argument], words: &[&str]| {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        connection(declared, &words).map(|connection| connection.second.port)
    };
    assert_eq!(find(&[Connection], &[word]), Ok(51234));
    assert_eq!(find(&[Connection], &[word, "SHA256:x"]), Ok(51234));
    assert_eq!(find(&[RoutingDomain, Connection], &["", word]), Ok(51234));
    assert_eq!(find(&[], &[word]), Err(NoConnection::NotDeclared));
    assert_eq!(
        find(&[RoutingDomain], &[word]),
        Err(NoConnection::NotDeclared)
    );
    assert_eq!(find(&[Connection], &[]), Err(NoConnection::Missing));
    assert_eq!(
        find(&[RoutingDomain, Connection], &[word]),
        Err(NoConnection::Missing)
    );
    for words in [&["", word][..], &["SHA256:x", word], &["%C"]] {
        let found = find(&[Connection], words);
        assert!(
            matches!(found, Err(NoConnection::Malformed(_))),
            "{words:?}"
        );
    }
}

#[test]
fn the_four_parts() {
    let parse = |word: &str| SshdConnection::parse(word).unwrap();
    let found = parse("192.0.2.7 51234 198.51.100.1 22");
    assert_eq!(found.first.address, IpAddr::from([192, 0, 2, 7]));
    assert_eq!((found.first.port, found.second.port), (51234, 22));
    assert_eq!(found.second.address, IpAddr::from([198, 51, 100, 1]));
    let found = parse("::1 22 2001:db8::5 65535");
    assert_eq!(found.second.address.to_string(), "2001:db8::5");
    let found = parse("fe80::1%eth0.5 22 fe80::2%3 1");
    assert_eq!(found.first.zone.as_deref(), Some("eth0.5"));
    assert_eq!(found.second.address.to_string(), "fe80::2");
    let found = parse("::ffff:192.0.2.7 1 ::ffff:10.0.0.1 22");
    assert_eq!(found.first.address, IpAddr::from([192, 0, 2, 7]));
}

#[test]
fn what_is_no_connection() {
    for word in [
        "",
        "192.0.2.7",
        "192.0.2.7 1 198.51.100.1",
        "192.0.2.7 1 198.51.100.1 22 5",
        "192.0.2.7  1 198.51.100.1 22",
        " 192.0.2.7 1 198.51.100.1 22",
        "192.0.2.7 1 198.51.100.1 22\n",
        "192.0.2.7 +1 198.51.100.1 22",
        "192.0.2.7 65536 198.51.100.1 22",
        "192.0.2.7 1 198.51.100.1 -1",
        "192.0.2 1 198.51.100.1 22",
        "192.0.2.7/32 1 198.51.100.1 22",
        "[::1] 1 ::1 22",
        "host.example 1 198.51.100.1 22",
        "192.0.2.7%eth0 1 198.51.100.1 22",
        "fe80::1%../x 1 ::1 22",
        "fe80::1% 1 ::1 22",
        "UNKNOWN 65535 UNKNOWN 65535",
        "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
    ] {
        assert!(SshdConnection::parse(word).is_none(), "{word:?}");
    }
}

/// The manual and the code differ in the order, depending on the version.
#[test]
fn the_client_is_the_end_that_is_not_ours_in_either_order() {
    let ours: IpAddr = "198.51.100.1".parse().unwrap();
    let client = |word: &str| {
        let connection = SshdConnection::parse(word).unwrap();
        let client = connection.client(|end| end.address == ours || end.address.is_loopback());
        client.map(|address| address.to_string())
    };
    for word in [
        "198.51.100.1 22 192.0.2.7 51234",
        "192.0.2.7 51234 198.51.100.1 22",
    ] {
        assert_eq!(client(word).as_deref(), Some("192.0.2.7"), "{word}");
    }
    // another network namespace (container or router): unknown
    assert_eq!(client("203.0.113.1 22 192.0.2.7 51234"), None);
    // from this machine, in the order of OpenSSH 10.0 and 10.6
    let from_here = client("127.0.0.1 22 127.0.0.2 51234");
    assert_eq!(from_here.as_deref(), Some("127.0.0.2"));
}
