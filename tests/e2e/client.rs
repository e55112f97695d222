//! The commands that a person types, and `opkssh ssh`.

pub mod accounts;
pub mod chooser;
pub mod device;
pub mod key_files;
pub mod login;
pub mod login_faults;
pub mod login_flows;
pub mod shared_login;
pub mod ssh;
pub mod status;
