//! Numbers of messages (RFC 9987 section 6.1).

pub const FAILURE: u8 = 5;
pub const SUCCESS: u8 = 6;
/// What `ssh-add -D` still sends for keys of SSH 1.
pub const REMOVE_ALL_RSA_IDENTITIES: u8 = 9;
pub const REQUEST_IDENTITIES: u8 = 11;
pub const IDENTITIES_ANSWER: u8 = 12;
pub const SIGN_REQUEST: u8 = 13;
pub const SIGN_RESPONSE: u8 = 14;
pub const ADD_IDENTITY: u8 = 17;
pub const REMOVE_IDENTITY: u8 = 18;
pub const REMOVE_ALL_IDENTITIES: u8 = 19;
pub const ADD_SMARTCARD_KEY: u8 = 20;
pub const REMOVE_SMARTCARD_KEY: u8 = 21;
pub const LOCK: u8 = 22;
pub const UNLOCK: u8 = 23;
pub const ADD_ID_CONSTRAINED: u8 = 25;
pub const ADD_SMARTCARD_KEY_CONSTRAINED: u8 = 26;
pub const EXTENSION: u8 = 27;
pub const EXTENSION_FAILURE: u8 = 28;
pub const EXTENSION_RESPONSE: u8 = 29;

/// PROTOCOL.agent section 1
pub const SESSION_BIND: &[u8] = b"session-bind@openssh.com";

/// As many entries as ssh takes in a list.
pub const MAX_LISTED: u32 = 2048;
/// As many bytes as ssh reads of one.
pub const MAX_ANSWER: usize = 256 * 1024 - 64;
