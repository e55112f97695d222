use super::*;

fn contains(block: &str, address: &str) -> bool {
    Cidr::parse(block)
        .unwrap()
        .contains(address.parse().unwrap())
}

#[test]
fn what_is_in_a_block() {
    for (block, inside, outside) in [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.0"),
        ("192.0.2.128/25", "192.0.2.128", "192.0.2.127"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
        ("192.0.2.7/32", "192.0.2.7", "192.0.2.6"),
        ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
        ("::1", "::1", "::2"),
        ("::/0", "2001:db8::1", "192.0.2.1"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
        ("::ffff:10.0.0.0/104", "10.1.2.3", "::ffff:11.0.0.0"),
        ("::ffff:10.1.2.3", "10.1.2.3", "10.1.2.4"),
    ] {
        assert!(contains(block, inside), "{inside} in {block}");
        assert!(!contains(block, outside), "{outside} in {block}");
    }
}

#[test]
fn what_is_no_block() {
    for text in [
        "",
        "*",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/+8",
        "10.0.0.0/0008",
        "10.0.0.0/",
        "::1/64",
        "::/129",
        "host.example",
        "!10.0.0.1",
        "fe80::1%eth0",
        " 10.0.0.1",
    ] {
        assert!(Cidr::parse(text).is_err(), "{text:?}");
    }
}
