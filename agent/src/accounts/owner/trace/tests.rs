use super::*;
use crate::accounts::lifecycle::{Suspended, Version};
use crate::accounts::material::{IndexEntry, Person};
use crate::accounts::settings::InForce;
use crate::accounts::shared::Shared;
use crate::accounts::store::StoreKind;

#[test]
fn a_view_that_does_not_follow_from_the_events_is_reported() {
    let entry = IndexEntry {
        person: Person {
            issuer: "https://issuer.example".to_owned(),
            subject: None,
        },
        store: StoreKind::SecretService,
        version: Version::default(),
        leaving: false,
        may_be_sealed: false,
        profile: None,
    };
    let (now, settings) = (UnixTime(0), Shared::new(InForce::default()));
    let entries = [("a".to_owned(), entry)];
    let mut facts = Facts::at_start(entries, None, Suspended::default(), settings, None, now);
    let mut trace = Trace::reporting_to(PathBuf::new(), &facts);
    trace.record(Event::TimePassed, now, &facts);
    assert_eq!(trace.replay(), "1 events: the same views");
    facts.agent.suspended.screen = true;
    trace.record(Event::TimePassed, now, &facts);
    let report = trace.replay();
    assert!(report.starts_with("event 1 of 2, TimePassed: "), "{report}");
}
