//! Policy plugins: the admin's programs, which may allow a login that no row of `auth_id` allows.
//!
//! [`load`] reads their files in `policy.d`, [`Variables`] is their environment, and
//! [`Plugins::ask`] runs them.

mod description;
mod environment;
mod load;
mod run;

pub use description::Description;
pub use environment::{Request, Variables};
pub use load::{Plugins, load};
