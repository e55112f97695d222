//! What sshd runs, and the commands of the server's administrator.

pub mod admin;
pub mod audit;
pub mod cache;
pub mod client_address;
pub mod confined;
pub mod explain;
pub mod fallback;
pub mod install;
pub mod mistakes;
pub mod not_set_up;
pub mod permissions;
pub mod plugins;
pub mod replay;
pub mod revoke;
pub mod rows;
pub mod rules;
pub mod userinfo;
pub mod verify_refusals;
