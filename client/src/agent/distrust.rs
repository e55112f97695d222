//! `opkssh agent distrust`.

use std::io::Write;

use opkssh_protocol::control::{Event, JumpHost, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::running::ensure_running_if_stored;
use crate::answer::AgentReply;
use crate::connection::{LOCAL_TIMEOUT, unexpected};
use crate::error::ClientError;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct DistrustArgs {
    /// Machine that the agent is forwarded to, by its name or host key (SHA256:…) in opkssh status
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    pub host: Option<String>,
    /// Every jump host
    #[arg(long)]
    pub all: bool,
    /// Only for this account, by its alias [default: every account]
    #[arg(long, value_name = "ALIAS")]
    pub account: Option<String>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Revokes what was permitted through other machines. Fails if nothing was.
pub fn agent_distrust(
    args: &DistrustArgs,
    places: &Places,
    out: &mut dyn Write,
) -> Result<AgentReply, ClientError> {
    let host = args.host.as_deref();
    let host = host.map(|host| host.rsplit_once('@').map_or(host, |(_, host)| host));
    let request = Request::Distrust {
        host: host.map(str::to_owned),
        account: args.account.clone(),
    };
    let removed = match ensure_running_if_stored(places)? {
        None => Vec::new(),
        Some(mut connection) => match connection.ask(&request, LOCAL_TIMEOUT)? {
            Event::Distrusted { jump_hosts } => jump_hosts,
            _ => return Err(unexpected()),
        },
    };
    if removed.is_empty() {
        let what = match &args.host {
            Some(host) => format!("no account is used through {} unasked", printable(host)),
            None => "no account is used through another machine unasked".to_owned(),
        };
        return Err(ClientError::new(
            what,
            "see what is permitted: opkssh status",
        ));
    }
    let lines = removed.iter().map(|host| {
        let (account, host) = (printable(&host.account), in_words(host));
        format!("{account}: asked again through {host}")
    });
    let lines = lines.collect::<Vec<_>>();
    let _ = writeln!(out, "{}", lines.join("\n"));
    Ok(AgentReply::done(lines.join("; "), None))
}

/// Returns name and host key for one line.
pub(crate) fn in_words(host: &JumpHost) -> String {
    match host.name.is_empty() {
        false => format!("{} ({})", printable(&host.name), printable(&host.host_key)),
        true => printable(&host.host_key).to_string(),
    }
}
