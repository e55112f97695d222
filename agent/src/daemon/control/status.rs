//! The answers to `status` and `status --host`.

use std::path::Path;

use opkssh_protocol::control::{AgentStatus, HostQuery, HostView, Origin, StatusReport};

use super::Control;
use crate::daemon::log::option_name;

/// Returns true if another program is where this process was started from, or none. The system
/// names the file where it is now, and marks the name of a removed one.
fn is_replaced(started: Option<&Path>) -> bool {
    std::env::current_exe().is_ok_and(|now| started != Some(&now) || !now.exists())
}

/// Returns the daemon's state, its accounts, and what the person should know.
pub async fn status(control: &Control) -> StatusReport {
    let (all, args) = (&control.accounts, &control.args);
    let store = all.stores.chosen().await;
    let added_keys = control.serving.added.count();
    (control.serving.notices).keep_keys(&control.serving.added.fingerprints());
    let (accounts, mut notices) = all.reports().await;
    notices.extend(control.serving.audit.trouble());
    let upstream = control.serving.upstreams.sockets(None).into_iter();
    let session_agent = control.serving.upstreams.session_agent();
    StatusReport {
        agent: AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: control.started,
            agent_socket: control.agent_socket.display().to_string(),
            control_socket: control.control_socket.display().to_string(),
            store: store.kind.name().to_owned(),
            store_reason: store.reason,
            store_wish: option_name(args.store),
            memory_lock: option_name(args.memory_lock),
            memory: args.memory_lock.in_force(),
            idle_stop: args.idle_stop.map(|limit| limit.as_secs()),
            lifetime: args.lifetime.map(|limit| limit.as_secs()),
            log_level: option_name(args.log_level),
            replaced: is_replaced(control.program.as_deref()),
            locked: all.locked_parts(),
            at_risk: all.at_risk(),
            added_keys,
            upstream: upstream.map(|it| it.display().to_string()).collect(),
            session_agent: session_agent.map(|it| it.display().to_string()),
        },
        accounts,
        notices,
        jump_hosts: control.serving.confirmations.jump_hosts(),
    }
}

/// Returns what a server would see.
pub async fn host_view(control: &Control, query: &HostQuery) -> HostView {
    let accounts = &control.accounts;
    let (reports, _) = accounts.reports().await;
    let unavailable = accounts.unavailable();
    let mut view = control.serving.host_view(query, unavailable).await;
    let hidden = view.not_offered.iter_mut().map(|it| &mut it.identity);
    for identity in view.offered.iter_mut().chain(hidden) {
        if identity.source == Origin::Account {
            let report = reports.iter().find(|it| it.alias == identity.name);
            identity.state = report.map(|it| it.state);
        }
    }
    view
}
