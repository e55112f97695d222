use super::*;

fn used(key: u8, via: Option<&[&str]>, server: &str) -> KeyUse {
    let via = via.map(|via| via.iter().map(|key| (*key).to_owned()).collect());
    KeyUse {
        identity: "work".to_owned(),
        key: Some(PublicKey::Ed25519([key; 32])),
        via,
        server: Some(server.to_owned()),
    }
}

#[test]
fn a_yes_counts_for_its_use_and_its_time() {
    let answers = Answers::default();
    let start = Instant::now();
    let one = used(1, Some(&["a"]), "server");
    answers.permit(one.clone(), start);
    assert_eq!(answers.find(&one, start), Some(true));
    for other in [
        used(2, Some(&["a"]), "server"),
        used(1, Some(&["b"]), "server"),
        used(1, Some(&["a", "b"]), "server"),
        used(1, Some(&["a"]), "other"),
        used(1, None, "server"),
    ] {
        assert_eq!(answers.find(&other, start), None, "{other:?}");
    }
    let before_end = start + YES - Duration::from_secs(1);
    assert_eq!(answers.find(&one, before_end), Some(true));
    assert_eq!(answers.find(&one, start + YES), None);
}

#[test]
fn a_no_counts_for_whatever_the_machine_makes_up() {
    let answers = Answers::default();
    let start = Instant::now();
    for same in [
        used(1, Some(&["a"]), "other"),
        used(1, Some(&["a", "made up"]), "server"),
    ] {
        answers.refuse(&used(1, Some(&["a"]), "server"), start);
        assert_eq!(answers.find(&same, start), Some(false), "{same:?}");
        assert_eq!(answers.find(&same, start + NO), None, "{same:?}");
    }
    answers.refuse(&used(1, Some(&["a"]), "server"), start);
    for other in [
        used(1, Some(&["b"]), "server"),
        used(2, Some(&["a"]), "server"),
        used(1, None, "server"),
    ] {
        assert_eq!(answers.find(&other, start), None, "{other:?}");
    }
    answers.refuse(&used(1, None, "server"), start);
    assert_eq!(answers.find(&used(1, None, "server"), start), None);
}

#[test]
fn what_was_permitted_through_a_machine_is_forgotten_with_it() {
    let answers = Answers::default();
    let start = Instant::now();
    let (through_a, through_b) = (used(1, Some(&["a", "x"]), "s"), used(1, Some(&["b"]), "s"));
    answers.permit(through_a.clone(), start);
    answers.permit(through_b.clone(), start);
    answers.forget("other account", "x");
    assert_eq!(answers.find(&through_a, start), Some(true));
    answers.forget("work", "x");
    assert_eq!(answers.find(&through_a, start), None);
    assert_eq!(answers.find(&through_b, start), Some(true));
}
