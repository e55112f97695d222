use super::*;

fn session(variables: &[(&str, &str)]) -> SessionEnvironment {
    SessionEnvironment::pick(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

#[test]
fn the_latest_desktop_counts() {
    let surroundings = Surroundings::new(session(&[]), true);
    assert!(surroundings.bus().is_none());
    surroundings.tell(session(&[("XAUTHORITY", "/a")]));
    surroundings.tell(session(&[("DISPLAY", ":1")]));
    surroundings.tell(session(&[("http_proxy", "http://p")]));
    assert_eq!(surroundings.session().get("DISPLAY"), Some(":1"));
    let bus = ("DBUS_SESSION_BUS_ADDRESS", "unix:path=/b");
    surroundings.tell(session(&[("WAYLAND_DISPLAY", "w"), bus]));
    assert_eq!(surroundings.session().get("DISPLAY"), None);
    assert_eq!(surroundings.bus().as_deref(), Some("unix:path=/b"));
}

#[test]
fn an_ssh_login_does_not_take_the_place_of_the_desktop() {
    let over_ssh = ("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22");
    let text_browser = ("BROWSER", "w3m");
    let surroundings = Surroundings::new(session(&[]), true);
    surroundings.tell(session(&[over_ssh, ("DISPLAY", "localhost:10")]));
    assert_eq!(
        surroundings.session().get("DISPLAY"),
        Some("localhost:10"),
        "the only one there is"
    );
    surroundings.tell(session(&[("DISPLAY", ":0")]));
    for later in [
        &[text_browser][..],
        &[text_browser, over_ssh],
        &[("DISPLAY", "localhost:10"), over_ssh],
        &[over_ssh],
    ] {
        surroundings.tell(session(later));
        assert_eq!(surroundings.session().get("DISPLAY"), Some(":0"));
    }
    surroundings.tell(session(&[("DISPLAY", ":1")]));
    assert_eq!(surroundings.session().get("DISPLAY"), Some(":1"));

    let own = Surroundings::new(session(&[("DISPLAY", ":0")]), false);
    own.tell(session(&[text_browser, over_ssh]));
    assert_eq!(own.session().get("DISPLAY"), Some(":0"));
}

#[test]
fn its_own_proxies_come_first_and_its_own_desktop_last() {
    let own = session(&[("DISPLAY", ":0"), ("ALL_PROXY", "http://own")]);
    let surroundings = Surroundings::new(own, false);
    assert_eq!(surroundings.session().get("DISPLAY"), Some(":0"));
    surroundings.tell(session(&[("DISPLAY", ":1"), ("https_proxy", "http://p")]));
    assert_eq!(surroundings.session().get("DISPLAY"), Some(":1"));
    assert!(surroundings.proxies().is_none());
    let none = Surroundings::new(session(&[("no_proxy", "x")]), false);
    assert!(none.proxies().is_none());
    none.tell(session(&[("https_proxy", "http://p")]));
    let proxies = none.proxies().unwrap();
    assert_eq!(proxies.https.as_deref(), Some("http://p"));
}
