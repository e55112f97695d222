//! The client's session environment, sent to the daemon: a daemon started by systemd has no
//! display, browser or proxy settings.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Needed to open a browser, or to ask something.
const DESKTOP: [&str; 7] = [
    "BROWSER",
    "DISPLAY",
    "SSH_ASKPASS",
    "SSH_ASKPASS_REQUIRE",
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
        self.0.contains_key("BROWSER") || self.has_display()
    }

    /// Returns true if a window can be shown in this session.
    pub fn has_display(&self) -> bool {
        self.0.contains_key("DISPLAY") || self.0.contains_key("WAYLAND_DISPLAY")
    }

    /// Returns how suitable the session is for prompts; greater is better. A session with only
    /// `BROWSER` may have just a terminal browser, and the display of an ssh session may end with
    /// it.
    pub fn rank(&self) -> impl Ord + use<> {
        match self.has_desktop() {
            true => (true, !self.0.contains_key(REMOTE), self.has_display()),
            false => (false, self.has_forced_askpass(), false),
        }
    }

    /// Returns true if a program asks the user without a display (ssh-add(1)).
    pub fn has_forced_askpass(&self) -> bool {
        self.0.contains_key("SSH_ASKPASS") && self.get("SSH_ASKPASS_REQUIRE") == Some("force")
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
mod tests;
