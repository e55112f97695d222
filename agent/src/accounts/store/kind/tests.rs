use super::*;

#[test]
fn a_stores_name_is_its_word_in_accounts_json() {
    for kind in [StoreKind::SecretService, StoreKind::File, StoreKind::Memory] {
        let word = serde_json::to_value(kind).unwrap();
        assert_eq!(word, kind.name());
    }
}
