//! The table grammar under any bytes and any words.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use opkssh_protocol::config::is_https_or_loopback;
use opkssh_server::policy::{ClaimSet, Identity, Policy, RowFile};
use opkssh_server::providers::Providers;
use opkssh_server::table;
use opkssh_server::verify::peek;
use proptest::prelude::*;

/// Words with everything the quoting has to deal with.
fn word() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just('\''),
            Just('"'),
            Just('\\'),
            Just(' '),
            Just('$'),
            Just('`'),
            Just('~'),
            Just(':'),
            Just('\u{a0}'),
            Just('\u{3000}'),
            any::<char>(),
        ],
        1..12,
    )
    .prop_map(|chars| chars.into_iter().collect::<String>())
    .prop_filter("writable", |word| table::writable(word).is_ok())
}

proptest! {
    #[test]
    fn what_is_written_reads_back(rows in proptest::collection::vec([word(), word(), word()], 0..8)) {
        let text: String = rows
            .iter()
            .map(|row| table::write_row([&row[0], &row[1], &row[2]]).unwrap())
            .collect();
        let table = table::read(text.as_bytes());
        prop_assert_eq!(&table.problems, &[]);
        let read: Vec<_> = table.rows.into_iter().map(|row| row.words).collect();
        prop_assert_eq!(read, rows);
    }

    #[test]
    fn an_unwritable_word_is_refused_or_reads_back(words in any::<[String; 3]>()) {
        if let Ok(line) = table::write_row([&words[0], &words[1], &words[2]]) {
            let table = table::read(line.as_bytes());
            prop_assert_eq!(table.rows.len(), 1);
            prop_assert_eq!(&table.rows[0].words, &words);
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in any::<Vec<u8>>()) {
        let table = table::read(&bytes);
        let lines = bytes.split(|byte| *byte == b'\n').count();
        prop_assert!(table.rows.len() + table.problems.len() <= lines);
        let _ = Providers::parse("f", &bytes);
        let _ = Policy::default().add(RowFile::parse("f", None, &bytes));
        let _ = Policy::default().add(RowFile::parse("f", Some("a"), &bytes));
    }

    #[test]
    fn a_bad_line_never_changes_another(bad in "[^\n]*") {
        let alone = table::read(b"a b c\n");
        let text = format!("a b c\n{bad}\n");
        let beside = table::read(text.as_bytes());
        prop_assert_eq!(&alone.rows[0], &beside.rows[0]);
    }

    #[test]
    fn any_issuer_that_counts_is_an_https_url(
        issuer in "https://(xn--|[a-z0-9-]{0,3}|[0-9a-fx]{1,4}|[A-Z%_é:@])(\\.(xn--)?[a-z0-9-]{0,3}){0,3}(/[a-z0-9./~%?-]{0,5})?",
    ) {
        let text = format!("'{issuer}' id 24h\n");
        let counts = Providers::parse("f", text.as_bytes()).for_issuer(&issuer).is_ok();
        prop_assert_eq!(counts, url::Url::parse(&issuer).is_ok_and(|url| is_https_or_loopback(&url)));
    }

    #[test]
    fn any_cell_is_an_identity_or_says_why_not(cell in "(oidc:|repo:|oidc-match-end:email:)?.*") {
        if let Ok(identity) = Identity::parse(&cell) {
            let _ = identity.matches(&ClaimSet::new(&opkssh_protocol::json::Object::new()));
        }
    }

    #[test]
    fn any_words_from_sshd_are_refused(kind in any::<String>(), base64 in "[A-Za-z0-9+/]*={0,2}") {
        prop_assert!(peek(&kind, &base64).is_err());
        prop_assert!(peek("ssh-ed25519-cert-v01@openssh.com", &base64).is_err());
    }
}
