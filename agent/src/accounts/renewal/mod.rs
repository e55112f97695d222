//! When an account is renewed, and how.

pub mod alarm;
pub mod exchange;
pub mod plan;
