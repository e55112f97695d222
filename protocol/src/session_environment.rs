//! The client's session environment, sent to the daemon: a daemon started by systemd has no
//! display, browser or proxy settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Needed to open a browser.
const DESKTOP: [&str; 5] = [
    "BROWSER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CURRENT_DESKTOP",
];
/// Needed to show a notification.
const BUS: &str = "DBUS_SESSION_BUS_ADDRESS";
/// Set in remote sessions.
const REMOTE: &str = "SSH_CONNECTION";
/// Needed to reach a provider; also read in capital letters.
const PROXIES: [&str; 4] = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];

/// Largest value, in bytes.
const MAX_VALUE: usize = 4096;

/// Variables of a session: only those on a fixed list whose values are safe to pass on, also when
/// received from a peer. A proxy address with a password is left out.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, String>")]
pub struct SessionEnvironment(BTreeMap<String, String>);

impl SessionEnvironment {
    /// Takes the listed variables from `get`.
    pub fn pick(get: impl Fn(&str) -> Option<String>) -> Self {
        let names = DESKTOP.into_iter().chain([BUS, REMOTE]).map(str::to_owned);
        let proxies = PROXIES
            .into_iter()
            .flat_map(|name| [name.to_owned(), name.to_ascii_uppercase()]);
        names
            .chain(proxies)
            .filter_map(|name| get(&name).map(|value| (name, value)))
            .collect::<BTreeMap<_, _>>()
            .into()
    }

    /// Returns the value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns true if a browser can be opened in this session.
    pub fn has_desktop(&self) -> bool {
        let has = |name| self.0.contains_key(name);
        has("BROWSER") || has("DISPLAY") || has("WAYLAND_DISPLAY")
    }

    /// Returns how suitable the session is for prompts; greater is better. A session with only
    /// `BROWSER` may have just a terminal browser, and the display of an ssh session may end with
    /// it.
    pub fn rank(&self) -> impl Ord + use<> {
        let has = |name| self.0.contains_key(name);
        let has_display = has("DISPLAY") || has("WAYLAND_DISPLAY");
        match self.has_desktop() {
            true => (true, !has(REMOTE), has_display),
            false => (false, false, false),
        }
    }

    /// Returns the address of the session's message bus, if it is a single local socket.
    pub fn bus(&self) -> Option<&str> {
        self.get(BUS)
    }

    /// Returns a proxy variable such as `https_proxy`, in either letter case.
    pub fn proxy(&self, name: &str) -> Option<&str> {
        self.get(name)
            .or_else(|| self.get(&name.to_ascii_uppercase()))
    }

    /// Returns the variables for a program that shows something to the user.
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
            // other kinds of address start a program or name another machine
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
