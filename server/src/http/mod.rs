//! Asking a provider over https: GET requests in a given time, and its discovery document.

mod asking;
mod network;
mod no_proxy;

pub use asking::{Answer, Asking, Document, HttpError, discovered};
pub use network::{Network, NetworkError, without_effect};
