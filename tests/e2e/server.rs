//! What sshd runs, and the commands of the server's administrator.

pub mod admin;
pub mod audit;
pub mod cache;
pub mod client_address;
pub mod confined;
pub mod fallback;
pub mod install;
pub mod permissions;
pub mod plugins;
pub mod rules;
pub mod userinfo;
pub mod verify_refusals;
