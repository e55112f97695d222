//! What a client tells the daemon about the session that it runs in: a daemon that systemd started
//! knows no display, browser or proxy.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// For opening a browser.
const DESKTOP: [&str; 5] = [
    "BROWSER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CURRENT_DESKTOP",
];
/// For showing a notification.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
/// Says that the session came over the network.
const REMOTE: &str = "SSH_CONNECTION";
/// For talking to a provider; in capital letters, too.
const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

/// Bytes of one value.
const MAX_VALUE: usize = 4096;

/// Variables of a session: those on a fixed list, and of these only what is fit to be passed on.
/// Whatever else it is made from is left out, also when it comes from a peer. Nothing secret is in
/// it: a proxy's address with a password is left out, too.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub struct SessionEnvironment(BTreeMap<String, String>);

impl SessionEnvironment {
    /// Picks what is on the list, as `get` has it.
    pub fn pick(get: impl Fn(&str) -> Option<String>) -> Self {
        let names = DESKTOP.into_iter().chain([BUS, REMOTE]).map(str::to_owned);
        let proxies = PROXIES
            .into_iter()
            .flat_map(|name| [name.to_owned(), name.to_ascii_uppercase()]);
        names
            .chain(proxies)
            .filter_map(|name| Some((get(&name)?, name)))
            .map(|(value, name)| (name, value))
            .collect::<BTreeMap<_, _>>()
            .into()
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Can a browser be opened there?
    pub fn has_desktop(&self) -> bool {
        let has = |name| self.0.contains_key(name);
        has("BROWSER") || has("DISPLAY") || has("WAYLAND_DISPLAY")
    }

    /// How well something can be shown to the person there; the greater, the better. A browser that
    /// is only named (`BROWSER`) may be one for terminals, and the display of an ssh session may be
    /// gone with it, while the person sits at this machine.
    pub fn rank(&self) -> impl Ord + use<> {
        let has = |name| self.0.contains_key(name);
        let has_display = has("DISPLAY") || has("WAYLAND_DISPLAY");
        match self.has_desktop() {
            true => (true, !has(REMOTE), has_display),
            false => (false, false, false),
        }
    }

    /// The address of the session's message bus: a socket of this machine, and only one.
    pub fn bus(&self) -> Option<&str> {
        self.get(BUS)
    }

    /// A proxy variable, whichever way it is spelled: `https_proxy`, …
    pub fn proxy(&self, name: &str) -> Option<&str> {
        self.get(name)
            .or_else(|| self.get(&name.to_ascii_uppercase()))
    }

    /// What a program needs that shows something to the person.
    pub fn for_programs(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.0.iter().map(|(name, value)| (&**name, &**value));
        all.filter(|(name, _)| !is_proxy(name) && *name != REMOTE)
    }
}

impl From<BTreeMap<String, String>> for SessionEnvironment {
    fn from(mut variables: BTreeMap<String, String>) -> Self {
        variables.retain(|name, value| is_fit(name, value));
        Self(variables)
    }
}

fn is_fit(name: &str, value: &str) -> bool {
    let is_text =
        !value.is_empty() && value.len() <= MAX_VALUE && !value.contains(char::is_control);
    is_text
        && match name {
            // other kinds of address name a program to run, or another machine
            BUS => value.starts_with("unix:") && !value.contains(';'),
            name if is_proxy(name) => !value.contains('@'),
            name => name == REMOTE || DESKTOP.contains(&name),
        }
}

fn is_proxy(name: &str) -> bool {
    PROXIES
        .iter()
        .any(|proxy| name == *proxy || name == proxy.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
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
        assert_eq!(picked.0.len(), 15);
        assert!(picked.for_programs().all(|(name, _)| name != REMOTE));
        assert_eq!(picked.proxy("https_proxy"), Some("unix:https_proxy"));
        let capital = made("HTTPS_PROXY", "http://p");
        assert_eq!(capital.proxy("https_proxy"), Some("http://p"));
    }
}
