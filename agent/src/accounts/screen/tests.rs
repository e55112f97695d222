use super::SessionEvent::*;
use super::*;

#[test]
fn they_are_away_for_as_long_as_there_is_a_reason() {
    for (events, away) in [
        (&[][..], false),
        (&[ScreenLocked], true),
        (&[ScreenLocked, ScreenLocked, ScreenUnlocked], false),
        (&[ScreenUnlocked], false),
        (&[GoesToSleep], true),
        (&[GoesToSleep, WokeUp], false),
        (&[WokeUp, GoesToSleep], true),
        // locked before or while it sleeps: the screen decides
        (&[ScreenLocked, GoesToSleep, WokeUp], true),
        (&[GoesToSleep, ScreenLocked, WokeUp], true),
        (&[ScreenLocked, GoesToSleep, WokeUp, ScreenUnlocked], false),
        // unlocked in the last moment: it sleeps
        (&[ScreenLocked, GoesToSleep, ScreenUnlocked], true),
    ] {
        let start = Suspended::default();
        let end = events
            .iter()
            .fold(start, |before, event| after(before, *event));
        assert_eq!(end.any(), away, "{events:?}");
    }
}
