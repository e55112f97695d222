use super::*;

#[test]
fn one_question_at_a_time_and_quiet_after_the_answer() {
    let questions = Questions::default();
    let start = Instant::now();
    let begin = |account, now| questions.begin(account, now);
    let asks = |now| begin("a", now).and_then(|(_, asking)| asking);
    let waits = |now| matches!(begin("a", now), Some((_, None)));
    let asking = asks(start).expect("somebody asks");
    for _ in 0..100 {
        assert!(waits(start));
    }
    assert!(matches!(begin("b", start), Some((_, Some(_)))));
    questions.end("a", Some(start + COOLDOWN));
    drop(asking);
    let almost = start + COOLDOWN - Duration::from_secs(1);
    assert!(begin("a", almost).is_none(), "quiet");
    let _later = asks(start + COOLDOWN).expect("asked again");
    // an open question is not forgotten, an answer is
    questions.forget_answer("a");
    assert!(waits(start));
    // who logs in by a command meanwhile is there
    questions.end("a", Some(start + COOLDOWN));
    let asking = asks(start).expect("not forgotten");
    questions.end("a", Some(start + COOLDOWN));
    drop(asking);
    assert!(questions.matter(almost));
    questions.forget_answer("a");
    assert!(asks(start).is_some());
    assert!(!questions.matter(almost), "nobody asks any more");
}
