use super::*;
use crate::accounts::lifecycle::Version;
use crate::accounts::material::Person;
use crate::accounts::store::StoreKind;

fn entry() -> IndexEntry {
    IndexEntry {
        person: Person {
            issuer: "https://op.example.com".to_owned(),
            subject: None,
        },
        store: StoreKind::SecretService,
        version: Version {
            login: 1,
            generation: 2,
        },
        leaving: false,
        may_be_sealed: true,
        profile: None,
    }
}

#[test]
fn changes_at_once_do_not_lose_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let file = IndexFile::new(StateFile::new(Some(directory.path().join("accounts.json"))));
    std::thread::scope(|scope| {
        for number in 0..8 {
            let file = &file;
            scope.spawn(move || {
                let alias = format!("a{number}");
                file.write(&alias, Some(entry())).unwrap();
            });
        }
    });
    assert_eq!(file.read().unwrap().accounts.len(), 8);
    file.write("a3", None).unwrap();
    assert_eq!(file.read().unwrap().accounts.len(), 7);
}

#[test]
fn an_entry_is_flat_and_one_that_is_not_understood_is_refused() {
    let text = r#"{"accounts": [{"alias": "a", "provider_aliases": ["google"],
            "issuer": "https://op.example.com", "client_id": "c", "store": "secret-service",
            "logged_in_at": 1, "later": true,
            "visibility": {"hosts": ["a"], "forwarding": "deny", "public_forges": []}}]}"#;
    let index: Index = serde_json::from_str(text).unwrap();
    let entry = &index.accounts[0].entry;
    assert_eq!(entry.person, super::tests::entry().person);
    assert_eq!((entry.version.login, entry.version.generation), (1, 0));
    assert!(!entry.leaving && !entry.may_be_sealed);
    let profile = entry.profile.as_ref().unwrap();
    assert_eq!(profile.visibility.as_ref().unwrap().hosts, ["a"]);

    let mut written = serde_json::to_value(&index).unwrap();
    let mut before: serde_json::Value = serde_json::from_str(text).unwrap();
    before["accounts"][0]
        .as_object_mut()
        .unwrap()
        .remove("later");
    assert_eq!(written, before);

    // not as an account that every server is shown
    written["accounts"][0]["visibility"]["forwarding"] = "no such".into();
    assert!(serde_json::from_value::<Index>(written).is_err());
}

#[test]
fn a_file_that_cannot_be_read_is_not_written_over() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("accounts.json");
    std::fs::write(&path, "{half").unwrap();
    let file = IndexFile::new(StateFile::new(Some(path.clone())));
    assert!(file.write("a", Some(entry())).is_err());
    assert_eq!(std::fs::read_to_string(path).unwrap(), "{half");
}
