//! What a server will be shown, told before ssh connects to it.

use opkssh_protocol::control::{Connecting, Failure};

use super::Serving;
use super::announced::Announcement;
use super::hosts::{Names, host_matches};
use super::refusal::Refusal;
use super::source::Visibility;

impl Serving {
    /// Returns why the server that ssh knows by `names` will not be shown the account, and what to
    /// change. `ssh` is the announced one that is going to connect, if it is.
    pub fn not_shown(
        &self,
        (account, visibility): &(String, Visibility),
        names: &[String],
        ssh: Option<&Connecting>,
    ) -> Option<Failure> {
        let ssh = ssh.map(|ssh| Announcement {
            names: ssh.names.clone(),
            known_hosts: ssh.known_hosts.clone(),
            upstream: None,
        });
        let expected = self.known_hosts.expect(names, ssh.unwrap_or_default());
        let refusal = expected.check(visibility).err()?;
        let name = names.first()?;
        let (reason, hint) = explain(&refusal, &expected, (account, visibility), names);
        Some(Failure {
            message: format!("the account {account} is not shown to {name}: {reason}"),
            hint: Some(hint),
            ..Failure::default()
        })
    }
}

/// Returns why the server that ssh knows by `names` is not shown the account, and what to change.
pub fn explain(
    refusal: &Refusal,
    server: &Names,
    (account, visibility): (&str, &Visibility),
    names: &[String],
) -> (String, String) {
    let name = names.first().map_or("HOST", String::as_str);
    let reason = match refusal {
        Refusal::OtherHost if server.hides_name(names, visibility) => {
            "known_hosts has the server's name as a hash, which only a full name in `hosts:` can be \
             compared with"
                .to_owned()
        }
        _ => refusal.to_string(),
    };
    let hint = match refusal {
        Refusal::Unreadable(_) => "make that file readable".to_owned(),
        Refusal::Unknown if host_matches(name, &visibility.hosts) => {
            format!("connect with: opkssh ssh {name}")
        }
        Refusal::OtherKey => format!("if the new key is right: ssh-keygen -R {name}"),
        Refusal::Revoked => format!("show its keys: ssh-keygen -F {name}"),
        _ => format!("add {name} to `hosts:` of {account} in ~/.opk/config.yml"),
    };
    (reason, hint)
}
