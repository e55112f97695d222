use super::*;

fn used(key: u8, via: Option<&[&str]>, user: &str) -> KeyUse {
    let machine = |host_key: &&str| Machine {
        name: String::new(),
        host_key: (*host_key).to_owned(),
    };
    KeyUse {
        identity: "work".to_owned(),
        key: Some(PublicKey::Ed25519([key; 32])),
        person: "issuer subject".to_owned(),
        via: via.map(|via| via.iter().map(machine).collect()),
        login: Some((user.to_owned(), "server".to_owned())),
    }
}

#[test]
fn a_yes_counts_for_its_use_and_its_time() {
    let answers = Answers::default();
    let start = Instant::now();
    let one = used(1, Some(&["a"]), "alice");
    answers.remember_yes(one.clone(), start);
    assert_eq!(answers.find(&one, start), Some(Ok(true)));
    let other_server = KeyUse {
        login: Some(("alice".to_owned(), "other".to_owned())),
        ..one.clone()
    };
    for other in [
        used(2, Some(&["a"]), "alice"),
        used(1, Some(&["b"]), "alice"),
        used(1, Some(&["a", "b"]), "alice"),
        used(1, Some(&["a"]), "root"),
        used(1, None, "alice"),
        other_server,
    ] {
        assert_eq!(answers.find(&other, start), None, "{other:?}");
    }
    let before_end = start + YES - Duration::from_secs(1);
    assert_eq!(answers.find(&one, before_end), Some(Ok(true)));
    assert_eq!(answers.find(&one, start + YES), None);
}

#[test]
fn a_no_counts_for_whatever_the_machine_makes_up() {
    let impossible = NotAsked::Impossible("no desktop".to_owned());
    for (refused, said, counts) in [
        (Ok(()), Ok(false), NO),
        (Err(NotAsked::Unanswered), Err(NotAsked::Unanswered), NO),
        (Err(impossible.clone()), Err(impossible), NOT_ASKED),
    ] {
        let answers = Answers::default();
        let start = Instant::now();
        answers.remember_no(&used(1, Some(&["a"]), "alice"), refused, start);
        for other in [
            used(1, Some(&["b"]), "alice"),
            used(2, Some(&["a"]), "alice"),
            used(1, None, "alice"),
        ] {
            assert_eq!(answers.find(&other, start), None, "{other:?}");
        }
        for same in [
            used(1, Some(&["a"]), "root"),
            used(1, Some(&["a", "made up"]), "alice"),
        ] {
            assert_eq!(answers.find(&same, start), Some(said.clone()), "{same:?}");
        }
        let after = start + counts;
        assert_eq!(answers.find(&used(1, Some(&["a"]), "root"), after), None);
    }
    let answers = Answers::default();
    let local = used(1, None, "alice");
    answers.remember_no(&local, Ok(()), Instant::now());
    assert_eq!(answers.find(&local, Instant::now()), None);
}

#[test]
fn what_was_permitted_is_listed_until_it_is_forgotten() {
    let answers = Answers::default();
    let start = Instant::now();
    let (through_a, through_b) = (used(1, Some(&["a", "x"]), "u"), used(1, Some(&["b"]), "u"));
    answers.remember_yes(through_a.clone(), start);
    answers.remember_yes(through_b.clone(), start);
    let listed = [(through_a.clone(), YES), (through_b.clone(), YES)];
    assert_eq!(answers.permitted(start), listed);
    answers.forget(|used| {
        used.via
            .iter()
            .flatten()
            .any(|machine| machine.host_key == "x")
    });
    assert_eq!(answers.find(&through_a, start), None);
    assert_eq!(answers.find(&through_b, start), Some(Ok(true)));
    assert_eq!(answers.permitted(start + YES), []);
}
