//! The OpenID provider's side of a login: discovery, the authorization URL, the token endpoint.

mod clients;
mod device;
mod discovery;
mod error;
mod http;
mod revoke;
mod tokens;

pub use discovery::ProviderClient;
pub use error::{Effect, HttpError, OidcError};
pub use http::Http;
pub use revoke::revoke;
pub use tokens::Tokens;
