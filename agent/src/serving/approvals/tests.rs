use super::*;

#[test]
fn an_answer_counts_for_its_use_and_its_time() {
    let approvals = Approvals::default();
    let used = |key: u8, via: u8, server: u8| ForwardedUse {
        key: PublicKey::Ed25519([key; 32]),
        via: vec![via],
        server: vec![server],
    };
    let start = Instant::now();
    approvals.remember(used(1, 1, 1), true, start);
    approvals.remember(used(1, 1, 2), false, start);
    assert_eq!(approvals.answer(&used(1, 1, 1), start), Some(true));
    assert_eq!(approvals.answer(&used(1, 1, 2), start), Some(false));
    for other in [used(2, 1, 1), used(1, 2, 1), used(1, 1, 3)] {
        assert_eq!(approvals.answer(&other, start), None);
    }
    assert_eq!(approvals.answer(&used(1, 1, 2), start + NO), None);
    let before_end = start + YES - Duration::from_secs(1);
    assert_eq!(approvals.answer(&used(1, 1, 1), before_end), Some(true));
    assert_eq!(approvals.answer(&used(1, 1, 1), start + YES), None);
    approvals.remember(used(1, 1, 1), true, start);
    approvals.remember(used(1, 1, 1), false, start);
    assert_eq!(approvals.answer(&used(1, 1, 1), start), Some(false));
}
