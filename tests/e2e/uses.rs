//! A first day of each kind of user, replayed with the built program: words, streams and exit
//! status.

mod admin;
mod developer;
mod scripts;
