use super::*;

#[test]
fn each_wrong_password_costs_more_up_to_a_limit() {
    assert_eq!(delay(1), Duration::from_millis(100));
    assert_eq!(delay(7), Duration::from_millis(700));
    assert_eq!(delay(1000), LONGEST);
    assert_eq!(delay(u32::MAX), LONGEST);
}

#[tokio::test]
async fn an_abandoned_try_is_a_failed_one_and_a_good_one_starts_over() {
    let attempts = Attempts::default();
    for count in 1..=3 {
        drop(attempts.next().await);
        assert_eq!(attempts.0.lock().await.count, count);
    }
    attempts.next().await.succeeded();
    let failed = attempts.0.lock().await;
    assert!(failed.count == 0 && failed.not_before.is_none());
}
