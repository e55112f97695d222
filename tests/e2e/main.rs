//! The built program against real parts: OpenSSH, a certified OpenID provider, a Secret Service,
//! and Go's opkssh. One target, so that it links once; one module per subject.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that panics has failed"
)]

mod accounts;
mod chooser;
mod crash;
mod device;
mod dice;
mod forwarding;
mod host_certificates;
mod interop;
mod key_files;
mod lifecycle;
mod lock;
mod login;
mod login_faults;
mod login_flows;
mod memory;
mod old_files;
mod on_demand;
mod permissions;
mod plugins;
mod renewal;
mod screen;
mod server_admin;
mod server_audit;
mod server_cache;
mod server_client_address;
mod server_confined;
mod server_fallback;
mod server_install;
mod server_rules;
mod servers;
mod setup;
mod shared_login;
mod sockets;
mod ssh;
mod status;
mod store;
mod structure;
mod systemd;
mod userinfo;
mod verify_refusals;
