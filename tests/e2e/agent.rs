//! The daemon: its life, its sockets, what it serves, keeps and hides.

pub mod added_keys;
pub mod audit;
pub mod clients;
pub mod crash;
pub mod forwarding;
pub mod host_certificates;
pub mod host_view;
pub mod lifecycle;
pub mod lock;
pub mod memory;
pub mod old_files;
pub mod on_demand;
pub mod renewal;
pub mod screen;
pub mod separate;
pub mod servers;
pub mod sockets;
pub mod store;
pub mod systemd;
pub mod upstreams;
