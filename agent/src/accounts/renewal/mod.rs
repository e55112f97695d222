//! When an account is renewed, and how.

pub mod alarm;
pub mod plan;
pub mod refresh;
