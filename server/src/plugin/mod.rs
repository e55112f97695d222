//! Policy plugins: programs of the admin's that may say yes where no row of `auth_id` does.
//!
//! The files are those of `policy.d`, read by [`load`]; what a program is told is in
//! [`environment`], and [`Plugins::ask`] runs them.

mod description;
mod environment;
mod load;
mod run;

pub use description::{Description, DescriptionError};
pub use environment::{Request, environment};
pub use load::{Plugins, load};
