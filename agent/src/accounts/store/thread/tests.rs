use tokio::time::timeout;

use super::*;

/// A thread with a call that hangs until the sender is used or dropped.
async fn hanging() -> (StoreThread<()>, Sender<()>) {
    let thread = idle();
    let (go_on, hang) = mpsc::channel::<()>();
    let (begin, begun) = oneshot::channel();
    let hangs = thread.hand_over(Box::new(move |_| {
        let _ = begin.send(());
        let _ = hang.recv();
    }));
    begun.await.unwrap();
    drop(hangs);
    (thread, go_on)
}

fn idle() -> StoreThread<()> {
    StoreThread::new(|| Ok(()), Arc::default())
}

#[tokio::test]
async fn a_call_whose_turn_does_not_come_keeps_no_secret_and_is_never_made() {
    let (thread, go_on) = hanging().await;
    let secret = Arc::new(());
    let held = Arc::downgrade(&secret);
    let write = move |_: &()| -> Result<(), StoreError> {
        drop(secret);
        panic!("it was made");
    };
    let soon = Duration::from_millis(1);
    let given_up = thread.call_within(soon, CALL_TIMEOUT, write).await;
    assert!(matches!(given_up, Err(StoreError::Busy)), "{given_up:?}");
    assert!(held.upgrade().is_none(), "it waits in the queue");

    // so is one that is abandoned, and the next is made
    let secret = Arc::new(());
    let held = Arc::downgrade(&secret);
    let write = move |_: &()| {
        drop(secret);
        Ok(())
    };
    let mut abandoned = Box::pin(thread.call(write));
    tokio::select! {
        biased;
        _ = &mut abandoned => panic!("the keyring hangs"),
        () = std::future::ready(()) => {}
    }
    drop(abandoned);
    assert!(held.upgrade().is_none(), "it waits in the queue");
    drop(go_on);
    thread.call(|_| Ok(())).await.unwrap();
}

#[tokio::test]
async fn a_call_that_had_begun_is_unclear_and_its_late_answer_is_news() {
    let thread = idle();
    let news = thread.answers_again.clone();
    let hang_until = |answer: Result<(), StoreError>| {
        let (go_on, hang) = mpsc::channel::<()>();
        let call = move |_: &()| {
            let _ = hang.recv();
            answer
        };
        (go_on, call)
    };
    let (go_on, call) = hang_until(Ok(()));
    let soon = Duration::from_millis(1);
    let given_up = thread.call_within(TURN_TIMEOUT, soon, call).await;
    let given_up = given_up.unwrap_err();
    assert!(matches!(given_up, StoreError::TimedOut) && given_up.is_unclear());
    assert!(!StoreError::Busy.is_unclear());
    drop(go_on);
    news.notified().await;

    // a prompt that was dismissed is no reason to ask again, and to prompt again
    let (go_on, call) = hang_until(Err(StoreError::Unavailable("dismissed".to_owned())));
    let given_up = thread.call_within(TURN_TIMEOUT, soon, call).await;
    assert!(given_up.is_err());
    drop(go_on);
    thread.call(|_| Ok(())).await.unwrap();
    assert!(timeout(soon, news.notified()).await.is_err());
}
