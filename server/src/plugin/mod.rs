//! Policy plugins: programs of the admin's that may say yes where no row of `auth_id` does.
//!
//! The files are those of `policy.d`, read by [`load`]; what a program is told is in
//! [`Variables`], and [`Plugins::ask`] runs them.

mod description;
mod environment;
mod load;
mod run;

pub use description::{Description, DescriptionError};
pub use environment::{EnvironmentError, Request, Variables};
pub use load::{Plugins, load};
