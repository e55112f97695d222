use super::*;

#[track_caller]
fn names(entries: &str, direct: &[&str], proxied: &[&str]) {
    let entries = NoProxy::parse(entries);
    for url in direct {
        assert!(entries.names(&Url::parse(url).unwrap()), "{url}");
    }
    for url in proxied {
        assert!(!entries.names(&Url::parse(url).unwrap()), "{url}");
    }
}

#[test]
fn hosts_as_in_go() {
    names(
        "a.example, .b.example,*.c.example,10.0.0.1,d.example:8443,[::1]",
        &[
            "https://a.example",
            "https://x.a.example",
            "https://x.b.example",
            "https://x.c.example",
            "https://10.0.0.1",
            "https://d.example:8443",
            "https://[::1]/",
        ],
        &[
            "https://b.example",
            "https://xa.example",
            "https://c.example",
            "https://10.0.0.12",
            "https://d.example",
            "https://example",
        ],
    );
    names("*", &["https://a.example", "https://[::1]"], &[]);
    names("", &[], &["https://a.example"]);
}

#[test]
fn blocks_of_addresses_as_in_go() {
    names(
        "10.1.2.3/8, 192.168.16.0/20,2001:db8::/32, 203.0.113.7/32",
        &[
            "https://10.0.0.1",
            "https://10.255.255.255:8443",
            "https://192.168.31.255",
            "https://[2001:db8:1::1]",
            "https://[::ffff:10.0.0.1]",
            "https://203.0.113.7",
        ],
        &[
            "https://11.0.0.1",
            "https://192.168.32.0",
            "https://[2001:db9::1]",
            "https://203.0.113.6",
            "https://10.example",
        ],
    );
    names(
        "0.0.0.0/0",
        &["https://8.8.8.8"],
        &["https://[2001:db8::1]", "https://a.example"],
    );
    names("::/0", &["https://[2001:db8::1]"], &["https://8.8.8.8"]);
}

#[test]
fn what_is_no_block_names_nothing() {
    names(
        "10.0.0.0/33, 10.0.0.0/, 10.0.0/8, 10.0.0.0/+8, /8, 10.0.0.0/8:443, a.example/8",
        &[],
        &["https://10.0.0.1", "https://a.example"],
    );
}
