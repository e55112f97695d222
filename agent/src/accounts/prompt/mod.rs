//! Asking the user to log in, and reminding the user of a login that ends.

pub mod on_demand;
pub mod reminder;
