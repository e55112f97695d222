//! The account that verify has.

/// Account that sshd runs verify as, and its group; the name in Go's documentation.
pub const ACCOUNT: &str = "opksshuser";
