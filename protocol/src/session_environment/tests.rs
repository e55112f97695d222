use super::*;

fn made(name: &str, value: &str) -> SessionEnvironment {
    BTreeMap::from([(name.to_owned(), value.to_owned())]).into()
}

#[test]
fn only_the_list_passes() {
    for name in [
        "LD_PRELOAD",
        "PATH",
        "HOME",
        "SSH_AUTH_SOCK",
        "Https_Proxy",
        "DBUS_SYSTEM_BUS_ADDRESS",
    ] {
        assert!(made(name, "x") == SessionEnvironment::default(), "{name}");
    }
    for (name, value) in [
        ("DISPLAY", ":0"),
        ("BROWSER", "firefox:w3m -x %s"),
        ("HTTPS_PROXY", "http://proxy:3128"),
        ("no_proxy", "localhost,.example.com"),
        (BUS, "unix:path=/run/user/1000/bus,guid=ab"),
    ] {
        assert_eq!(made(name, value).get(name), Some(value));
    }
}

#[test]
fn what_is_not_fit_is_left_out() {
    let long = "x".repeat(MAX_VALUE + 1);
    for (name, value) in [
        ("DISPLAY", ""),
        ("DISPLAY", long.as_str()),
        ("DISPLAY", ":0\n:1"),
        ("BROWSER", "a\0b"),
        ("https_proxy", "http://user:password@proxy:3128"),
        (BUS, "unixexec:path=/bin/sh"),
        (BUS, "tcp:host=elsewhere,port=1"),
        (BUS, "unix:path=/a;unixexec:path=/bin/sh"),
    ] {
        assert!(made(name, value).get(name).is_none(), "{name}={value}");
    }
}

#[test]
fn a_peer_s_words_go_through_the_same_list() {
    let text = r#"{"DISPLAY": ":0", "LD_PRELOAD": "/tmp/x.so", "all_proxy": "socks5://p"}"#;
    let read: SessionEnvironment = serde_json::from_str(text).unwrap();
    assert_eq!(
        serde_json::to_string(&read).unwrap(),
        r#"{"DISPLAY":":0","all_proxy":"socks5://p"}"#
    );
    assert!(read.has_desktop());
    assert_eq!(read.for_programs().collect::<Vec<_>>(), [("DISPLAY", ":0")]);
}

#[test]
fn picking_asks_for_the_list_in_both_spellings() {
    let picked = SessionEnvironment::pick(|name| Some(format!("unix:{name}")));
    assert_eq!(picked.0.len(), 17);
    assert!(picked.for_programs().all(|(name, _)| name != REMOTE));
    assert_eq!(picked.proxy("https_proxy"), Some("unix:https_proxy"));
    let capital = made("HTTPS_PROXY", "http://p");
    assert_eq!(capital.proxy("https_proxy"), Some("http://p"));
}

#[test]
fn a_session_that_can_ask_outranks_one_that_can_show_nothing() {
    let session = |variables: &[(&str, &str)]| {
        let get = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        SessionEnvironment::pick(get)
    };
    let program = ("SSH_ASKPASS", "/bin/ask");
    let asks = session(&[program, ("SSH_ASKPASS_REQUIRE", "force")]);
    for other in [
        session(&[("https_proxy", "http://proxy")]),
        session(&[program]),
        session(&[program, ("SSH_ASKPASS_REQUIRE", "prefer")]),
    ] {
        assert!(asks.rank() > other.rank());
    }
    assert!(asks.rank() < session(&[("DISPLAY", ":1")]).rank());
}
