//! Sends GET requests to a provider, and reads its discovery document.

mod client;
mod network;
mod no_proxy;

pub use client::{Answer, Document, HttpClient, HttpError, discovered};
pub use network::{Network, NetworkError, without_effect};
