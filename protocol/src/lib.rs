//! What the programs of opkssh must agree on: OpenPubkey tokens, SSH certificates, the client
//! configuration and the messages between them.
//!
//! Pure: no sockets, files, network or clock. What can be trusted is a type: only
//! [`id_token::verify`], [`pk_token::verify`] and [`certificate::verify`] construct theirs.

pub mod account_name;
pub mod base64url;
pub mod certificate;
pub mod cic;
pub mod config;
pub mod control;
pub mod gq;
pub mod id_token;
pub mod inspect;
pub mod json;
pub mod jwk;
pub mod key_set;
pub mod pk_token;
pub mod places;
pub mod printable;
pub mod process;
pub mod secret;
pub mod session_environment;
pub mod time;
#[cfg(feature = "mint")]
pub mod user_key;
