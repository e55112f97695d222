use super::*;

#[test]
fn only_loopback_addresses_with_a_port() {
    for uri in [
        "https://localhost:3000/x",
        "http://example.com:3000/x",
        "http://localhost/x",
        "http://localhost.example.com:3000/",
        "http://0.0.0.0:3000/",
        "http://127.0.0.2:3000/",
        "http://[::2]:3000/",
        "http://[::ffff:127.0.0.1]:3000/",
        "x",
    ] {
        assert!(LocalRedirect::parse(uri).is_err(), "{uri}");
    }
    for (uri, addresses, authority) in [
        ("http://localhost:3000/x", &[V4, V6][..], "localhost:3000"),
        ("http://LOCALHOST:3000/x", &[V4, V6], "localhost:3000"),
        ("http://127.0.0.1:1/x", &[V4], "127.0.0.1:1"),
        ("http://[::1]:9/x", &[V6], "[::1]:9"),
    ] {
        let local = LocalRedirect::parse(uri).unwrap();
        assert_eq!(local.addresses, addresses, "{uri}");
        assert_eq!(local.authority, authority, "{uri}");
    }
}

#[test]
fn behind_another_machine_both_its_name_and_ours_are_known() {
    let names = passed_on_authorities("https://relay.example.com/login-callback", 3000);
    assert_eq!(
        names,
        [
            "localhost:3000",
            "127.0.0.1:3000",
            "[::1]:3000",
            "relay.example.com"
        ]
    );
}
