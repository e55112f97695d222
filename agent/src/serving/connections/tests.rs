use super::*;

/// Three connections in a table for three.
fn full() -> (
    Arc<Connections>,
    Vec<(Place, oneshot::Receiver<Infallible>)>,
) {
    let connections = Arc::new(Connections::new(3));
    let places = (0..3).map(|_| connections.enter()).collect();
    (connections, places)
}

fn closed(places: &mut [(Place, oneshot::Receiver<Infallible>)]) -> Vec<usize> {
    let is_closed = |receiver: &mut oneshot::Receiver<Infallible>| {
        matches!(
            receiver.try_recv(),
            Err(oneshot::error::TryRecvError::Closed)
        )
    };
    let places = places.iter_mut().enumerate();
    let closed = places.filter_map(|(n, (_, receiver))| is_closed(receiver).then_some(n));
    closed.collect()
}

#[test]
fn the_longest_idle_goes_first() {
    let (connections, mut places) = full();
    places[0].0.mark_idle(false);
    assert!(closed(&mut places).is_empty());
    let _fourth = connections.enter();
    assert_eq!(closed(&mut places), [1]);
    let _fifth = connections.enter();
    assert_eq!(closed(&mut places), [1, 2]);
}

#[test]
fn strangers_go_before_the_user_s_own_and_the_busy_go_last() {
    let (connections, mut places) = full();
    places[0].0.mark_busy();
    places[1].0.mark_idle(true);
    let mut more = vec![connections.enter()];
    assert_eq!(closed(&mut places), [2]);
    more[0].0.mark_busy();
    more.push(connections.enter());
    assert_eq!(closed(&mut places), [1, 2]);
    more[1].0.mark_busy();
    more.push(connections.enter());
    assert_eq!(closed(&mut places), [0, 1, 2], "nobody waits");
}

#[test]
fn who_hangs_up_makes_room() {
    let (connections, mut places) = full();
    places.remove(0);
    let _new = connections.enter();
    assert!(closed(&mut places).is_empty());
    // one that had to go takes no other's place with it
    let _another = connections.enter();
    drop(places);
    assert_eq!(connections.table.lock().open.len(), 2);
}
