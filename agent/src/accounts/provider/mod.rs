//! The OpenID provider's side of a login: discovery, the authorization URL, the token endpoint.

mod clients;
mod device;
mod discovery;
mod error;
mod explain;
mod http;
mod revoke;
mod tokens;

pub use device::{ask_for_code, wait_for_tokens};
pub use discovery::{ProviderDocuments, discover};
pub use error::{HttpError, OidcError};
pub use explain::explain;
pub use http::Http;
pub use revoke::revoke;
pub use tokens::{Authorization, Tokens, authorization, exchange_code, refresh};
