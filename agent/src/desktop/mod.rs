//! The user's session: its environment, notifications, browser, screen lock and sleep.

pub mod ask;
mod askpass;
pub mod logind;
pub mod notification;
pub mod open_browser;
mod outside_sandbox;
pub mod surroundings;
