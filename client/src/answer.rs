//! The answer of `check`, `ensure` and `login`.

use std::path::PathBuf;

use opkssh_protocol::control::AccountStatus;
use opkssh_protocol::printable::{printable, printable_json};
use serde_json::json;

/// What `--json` prints.
#[derive(Debug, Default)]
pub struct Answer {
    /// Whether the account is usable; `None`: could not find out.
    pub usable: Option<bool>,
    /// Why, in one line.
    pub reason: String,
    /// What to do, with the command to type.
    pub hint: Option<String>,
    /// As in `opkssh status --json`.
    pub account: Option<Box<AccountStatus>>,
    /// The private key that a login wrote; the certificate is beside it.
    pub key_file: Option<PathBuf>,
}

impl Answer {
    /// Returns the exit status: 0 for yes, 1 for no, 3 if that could not be found out.
    pub fn status(&self) -> u8 {
        match self.usable {
            Some(usable) => u8::from(!usable),
            None => 3,
        }
    }

    /// Returns the answer as a line of text.
    pub fn line(&self) -> String {
        let hint = self.hint.iter().map(|hint| format!("; {hint}"));
        printable(&(self.reason.clone() + &hint.collect::<String>())).to_string()
    }

    /// Returns the answer as JSON.
    pub fn json(&self) -> String {
        let value = json!({
            "usable": self.usable,
            "reason": self.reason,
            "hint": self.hint,
            "account": self.account,
            "key_file": self.key_file,
        });
        printable_json(&format!("{value:#}"))
    }
}
