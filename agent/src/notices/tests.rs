use super::*;

fn texts(notices: &Notices) -> Vec<String> {
    let list = notices.list().into_iter();
    list.map(|notice| notice.text).collect()
}

#[test]
fn a_cause_has_one_notice_the_latest() {
    let notices = Notices::default();
    let refused = |name: &str| Cause::SignatureRefused(name.to_owned());
    for _ in 0..100 {
        notices.tell(refused("a"), "first".to_owned());
        notices.tell(refused("b"), "other".to_owned());
        notices.tell(Cause::NotOffered("a".to_owned()), "third".to_owned());
    }
    assert_eq!(texts(&notices), ["first", "other", "third"]);
    notices.tell(refused("a"), "later".to_owned());
    assert_eq!(texts(&notices), ["other", "third", "later"]);
    assert!(notices.list().iter().all(|notice| notice.at.is_some()));
}

#[test]
fn a_notice_goes_with_its_cause() {
    let notices = Notices::default();
    notices.tell(Cause::NotOffered("a".to_owned()), "a".to_owned());
    notices.tell(Cause::NotOffered("b".to_owned()), "b".to_owned());
    notices.tell(Cause::LoginFailed("a".to_owned()), "failed".to_owned());
    notices.clear(&Cause::NotOffered("a".to_owned()));
    assert_eq!(texts(&notices), ["b", "failed"]);
    for cause in Cause::ended_by_login("a") {
        notices.clear(&cause);
    }
    assert_eq!(texts(&notices), ["b"]);
}

#[test]
fn the_log_hears_the_same_thing_once_a_minute() {
    let mut written = Written::default();
    let start = Instant::now();
    assert!(written.admits("a", start));
    assert!(written.admits("b", start));
    assert!(!written.admits("a", start + WARN_AGAIN / 2));
    assert!(written.admits("a", start + WARN_AGAIN));
    assert!(!written.admits("a", start + WARN_AGAIN));
    // nor is it filled with ever new ones
    let later = start + 3 * WARN_AGAIN;
    let admitted = (0..1000).filter(|number| written.admits(&number.to_string(), later));
    assert_eq!(admitted.count(), MAX_WRITTEN);
}
