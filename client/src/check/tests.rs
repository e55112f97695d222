use super::*;

fn account(state: AccountState, until: Option<i64>, renewal: Renewal) -> AccountStatus {
    AccountStatus {
        state,
        usable_until: until.map(UnixTime),
        renewal,
        ..crate::fake_daemon::account("a")
    }
}

#[test]
fn the_deadline_is_compared_with_what_is_wanted() {
    use AccountState::*;
    for (state, until, renewal, wanted, expected) in [
        (Usable, Some(1100), Renewal::NeedsPerson, 100, true),
        (Usable, Some(1099), Renewal::NeedsPerson, 100, false),
        (Usable, Some(1099), Renewal::Unknown, 100, false),
        (Usable, Some(1099), Renewal::OnRefreshedServers, 100, false),
        (Usable, Some(1099), Renewal::ByItself, 100, true),
        (Usable, None, Renewal::NeedsPerson, 100, true),
        (Usable, Some(1000), Renewal::NeedsPerson, 0, true),
        (Stale, Some(900), Renewal::ByItself, 0, false),
        (LoginNeeded, None, Renewal::Unknown, 0, false),
    ] {
        let account = Box::new(account(state, until, renewal));
        let answer = usability(account, wanted, UnixTime(1000));
        assert_eq!(answer.usable, Some(expected), "{wanted}: {answer:?}");
    }
}

#[test]
fn no_renewal_goes_beyond_the_lifetime() {
    let mut account = account(AccountState::Usable, Some(1050), Renewal::ByItself);
    account.logs_out_at = Some(UnixTime(1100));
    let usability = |account: &AccountStatus, wanted| {
        let answer = usability(Box::new(account.clone()), wanted, UnixTime(1000));
        (answer.usable == Some(true), answer.line())
    };
    for (wanted, expected) in [(0, true), (100, true), (101, false)] {
        let (usable, why) = usability(&account, wanted);
        assert_eq!(
            (usable, why.contains("--lifetime")),
            (expected, !expected),
            "{why}"
        );
    }
    // an account that expires earlier does not reach the lifetime
    account.renewal = Renewal::NeedsPerson;
    let (usable, why) = usability(&account, 101);
    assert!(!usable && !why.contains("--lifetime"), "{why}");
}
