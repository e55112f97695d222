use super::*;

fn end(address: &str) -> End {
    End {
        address: address.parse().unwrap(),
        zone: None,
        port: 22,
    }
}

#[test]
fn addresses_of_this_machine_and_others() {
    for address in ["127.0.0.1", "127.0.1.1", "::1"] {
        assert!(is_ours(&end(address)), "{address}");
    }
    for address in [
        "192.0.2.1",
        "2001:db8::1",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        assert!(!is_ours(&end(address)), "{address}");
    }
    // this machine's outgoing address, if there is a route
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    if socket.connect("192.0.2.1:9").is_ok() {
        let own = socket.local_addr().unwrap().ip();
        assert!(is_ours(&end(&own.to_string())), "{own}");
    }
}

#[test]
fn a_word_from_sshd_in_either_order() {
    let word = |word: &str| find(&[Argument::Connection], &[word.to_owned()]);
    for words in ["127.0.0.1 22 192.0.2.7 9", "192.0.2.7 9 127.0.0.1 22"] {
        assert_eq!(word(words).unwrap().to_string(), "192.0.2.7");
    }
    let error = word("198.51.100.1 22 192.0.2.7 9").unwrap_err();
    assert!(error.to_string().contains("neither"), "{error}");
}
