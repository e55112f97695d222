//! Policy plugins: programs of the admin's that may say yes where no row of `auth_id` does.

mod description;

pub use description::{Description, DescriptionError};
