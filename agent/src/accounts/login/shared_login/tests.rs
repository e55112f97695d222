use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use super::*;

type Logins = Arc<SharedLogins<u32>>;

fn open() -> Event {
    Event::OpenBrowser {
        url: "https://x".to_owned(),
        opened: false,
    }
}

/// Takes part; the events come on the channel. A login that it begins opens a window, then
/// ends with what `end` gives.
fn join(
    logins: &Logins,
    key: u8,
    opens_browser: bool,
    begun: &Arc<AtomicUsize>,
    end: impl Future<Output = u32> + Send + 'static,
) -> (tokio::task::JoinHandle<Option<u32>>, mpsc::Receiver<Event>) {
    let (logins, begun) = (logins.clone(), begun.clone());
    let (events, received) = mpsc::channel(16);
    let joined = tokio::spawn(async move {
        let begin = |tell: Tell| async move {
            begun.fetch_add(1, Ordering::SeqCst);
            tell(open());
            end.await
        };
        let key = LoginKey(vec![key]);
        let joined = logins.join(key, opens_browser, &events, || None, begin);
        joined.await.ok()
    });
    (joined, received)
}

async fn opened(events: &mut mpsc::Receiver<Event>) -> bool {
    match events.recv().await {
        Some(Event::OpenBrowser { opened, .. }) => opened,
        _ => panic!("another event"),
    }
}

#[tokio::test]
async fn many_share_one_login_and_one_window() {
    let logins = Logins::default();
    let begun = Arc::new(AtomicUsize::new(0));
    let (end, ended) = watch::channel(false);
    let mut all = Vec::new();
    for number in 0..20 {
        let mut ended = ended.clone();
        let end = async move {
            ended.wait_for(|ended| *ended).await.ok();
            number
        };
        // the first does not open browsers
        all.push(join(&logins, 1, number > 0, &begun, end));
    }
    let mut windows = 0;
    for (number, (_, events)) in all.iter_mut().enumerate() {
        let opens = !opened(events).await;
        windows += usize::from(opens && number > 0);
    }
    assert_eq!(windows, 1, "the first only shows the address");
    end.send(true).unwrap();
    let mut outcomes = BTreeSet::new();
    for (joined, _) in all {
        outcomes.insert(joined.await.unwrap().unwrap());
    }
    assert_eq!(outcomes.len(), 1, "all get the one result");
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    assert!(logins.is_empty());
}

#[tokio::test]
async fn it_is_cancelled_when_the_last_has_gone_and_not_before() {
    let logins = Logins::default();
    let begun = Arc::new(AtomicUsize::new(0));
    let (alive, cancelled) = oneshot::channel::<()>();
    let end = async move {
        let _alive = alive;
        std::future::pending().await
    };
    let (first, mut first_events) = join(&logins, 1, true, &begun, end);
    opened(&mut first_events).await;
    let (second, mut second_events) = join(&logins, 1, true, &begun, async { 0 });
    assert!(opened(&mut second_events).await, "told from the start");
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    assert_eq!(logins.running.lock()[&LoginKey(vec![1])].strong_count(), 1);
    second.abort();
    assert!(cancelled.await.is_err(), "dropped");
    assert!(logins.is_empty());
    // the next begins anew
    let (third, _events) = join(&logins, 1, true, &begun, async { 3 });
    assert_eq!(third.await.unwrap(), Some(3));
    assert_eq!(begun.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_login_that_panics_leaves_nothing_behind() {
    let logins = Logins::default();
    let begun = Arc::new(AtomicUsize::new(0));
    let (joined, _events) = join(&logins, 1, true, &begun, async { panic!("on purpose") });
    assert_eq!(joined.await.unwrap(), None);
    assert!(logins.is_empty());
}
