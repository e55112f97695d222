//! `providers` and `auth_id`, the one in a user's home among them.

use opkssh_server::policy::{Policy, RowFile};
use opkssh_server::providers::Providers;
use opkssh_server::table;

pub fn run(bytes: &[u8]) {
    for row in table::read(bytes).rows {
        let [a, b, c] = &row.words;
        // what can be written is read back as it was
        if let Ok(line) = table::write_row([a, b, c]) {
            let again = table::read(line.as_bytes());
            assert_eq!(again.rows.len(), 1, "{line:?}");
            assert_eq!(again.rows[0].words, row.words, "{line:?}");
        }
    }
    Policy::default().add(RowFile::parse("auth_id", None, bytes));
    Policy::default().add(RowFile::parse("auth_id", Some("root"), bytes));
    let _ = Providers::parse("providers", bytes).for_issuer("https://issuer.example.com");
}
