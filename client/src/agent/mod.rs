//! `opkssh agent`, except `agent run`: starts, stops, locks and installs the agent.

pub mod distrust;
pub mod env;
pub mod for_command;
pub mod install;
pub mod launch;
pub mod lock;
mod password_prompt;
pub mod restart;
pub mod running;
pub mod settings;
pub mod start;
pub mod stop;
mod systemctl;
