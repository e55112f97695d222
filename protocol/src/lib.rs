//! Formats shared by the opkssh programs: OpenPubkey tokens, SSH certificates, the client
//! configuration and control messages.
//!
//! Pure code: no sockets, files, network or clock. Verified data has its own types, which only
//! [`id_token::verify`], [`pk_token::verify`] and [`certificate::verify`] construct.

#![warn(missing_docs)]

pub mod account_name;
pub mod audit;
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
pub mod patterns;
pub mod pk_token;
pub mod places;
pub mod printable;
pub mod process;
pub mod secret;
pub mod session_environment;
pub mod time;
#[cfg(feature = "mint")]
pub mod user_key;
pub mod wire;
pub mod yaml_error;
