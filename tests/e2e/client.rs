//! The commands that a person types, and `opkssh ssh`.

pub mod accounts;
pub mod chooser;
pub mod completions;
pub mod device;
pub mod help;
pub mod key_files;
pub mod log;
pub mod login;
pub mod login_alone;
pub mod login_faults;
pub mod login_flows;
pub mod logout;
pub mod man;
pub mod run;
pub mod runtime_dirs;
pub mod scripts;
pub mod shared_login;
pub mod shown;
pub mod ssh;
pub mod status;
