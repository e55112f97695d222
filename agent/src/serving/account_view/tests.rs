use super::*;
use crate::serving::made::FakeSource;
use crate::serving::source::Visibility;

#[tokio::test]
async fn it_is_one_account_of_one_person() {
    let source = Arc::new(FakeSource::default());
    let identity = |name: &str, person: &str| Identity {
        name: name.to_owned(),
        blob: name.as_bytes().to_vec(),
        comment: String::new(),
        terms: Terms::Account {
            visibility: Visibility::default(),
            public_key: source.public_key(),
            person: person.to_owned(),
        },
    };
    let log_in = |identities: Vec<Identity>| source.state().identities = Arc::new(identities);
    let one = OneAccount::new(source.clone(), "work".to_owned());
    log_in(vec![identity("home", "mallory"), identity("work", "alice")]);
    let names = async || {
        let all = one.identities().await;
        all.iter().map(|it| it.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["work"]);
    let work = identity("work", "alice");
    assert!(one.sign(&work, b"data", 0).await.is_some());
    let home = identity("home", "alice");
    assert!(one.sign(&home, b"data", 0).await.is_none());
    assert!(one.find(b"home").await.is_none());
    // logged out, and somebody else in by that name
    log_in(vec![identity("work", "bob")]);
    assert_eq!(names().await, [""; 0]);
    assert!(one.find(b"work").await.is_none());
    let work = identity("work", "bob");
    assert!(one.sign(&work, b"data", 0).await.is_none());
    log_in(vec![identity("work", "alice")]);
    assert_eq!(names().await, ["work"]);
}
