use super::*;

const IAT: i64 = 1_700_000_000;

fn times(lifetime: i64) -> TokenTimes {
    TokenTimes {
        issued_at: Some(UnixTime(IAT)),
        expires_at: Some(UnixTime(IAT + lifetime)),
        refreshed_expires_at: None,
    }
}

#[test]
fn short_tokens_are_renewed_well_before_they_end() {
    let plan = plan(
        times(70),
        ExpirationPolicy::Oidc,
        Renewal::ByItself,
        true,
        0,
    );
    assert_eq!(plan.deadline, Some(UnixTime(IAT + 70)));
    assert_eq!(plan.renew_at, Some(UnixTime(IAT + 56)));
}

#[test]
fn a_fresh_token_is_never_due_at_once() {
    for early in [0, 255] {
        let plan = plan(
            times(8),
            ExpirationPolicy::Oidc,
            Renewal::ByItself,
            true,
            early,
        );
        assert_eq!(plan.renew_at, Some(UnixTime(IAT + 4)));
    }
}

#[test]
fn accounts_do_not_all_renew_at_the_same_second() {
    let at = |early| {
        let plan = plan(
            times(70),
            ExpirationPolicy::Oidc,
            Renewal::ByItself,
            true,
            early,
        );
        plan.renew_at.unwrap().0 - IAT
    };
    assert_eq!((at(0), at(255)), (56, 50));
}

#[test]
fn the_policy_that_is_planned_for_decides() {
    let day = plan(
        times(300),
        ExpirationPolicy::Hours24,
        Renewal::ByItself,
        true,
        0,
    );
    assert_eq!(day.renew_at, Some(UnixTime(IAT + 86_400 - MOST_MARGIN)));
    let never = plan(
        times(300),
        ExpirationPolicy::Never,
        Renewal::ByItself,
        true,
        0,
    );
    assert_eq!(
        never,
        Plan {
            deadline: None,
            renew_at: None
        }
    );
    assert!(never.is_usable(UnixTime(i64::MAX)));
}

#[test]
fn no_renewal_where_it_cannot_help() {
    for (renewal, expiration, has_token, planned) in [
        (
            Renewal::OnRefreshedServers,
            ExpirationPolicy::Hours24,
            true,
            false,
        ),
        (
            Renewal::OnRefreshedServers,
            ExpirationPolicy::Oidc,
            true,
            false,
        ),
        (
            Renewal::OnRefreshedServers,
            ExpirationPolicy::OidcRefreshed,
            true,
            true,
        ),
        (Renewal::NeedsPerson, ExpirationPolicy::Hours24, true, false),
        (Renewal::ByItself, ExpirationPolicy::Hours24, false, false),
        (Renewal::Unknown, ExpirationPolicy::Hours24, true, true),
    ] {
        let plan = plan(times(300), expiration, renewal, has_token, 0);
        assert_eq!(plan.renew_at.is_some(), planned, "{renewal:?} {expiration}");
    }
}

#[test]
fn states_in_order() {
    let plan = plan(
        times(100),
        ExpirationPolicy::Oidc,
        Renewal::ByItself,
        true,
        0,
    );
    assert_eq!(plan.state(UnixTime(IAT + 79)), AccountState::Usable);
    assert_eq!(plan.state(UnixTime(IAT + 80)), AccountState::Stale);
    assert_eq!(plan.state(UnixTime(IAT + 101)), AccountState::Stale);
    let fixed = super::plan(
        times(100),
        ExpirationPolicy::Oidc,
        Renewal::NeedsPerson,
        true,
        0,
    );
    assert_eq!(fixed.state(UnixTime(IAT + 100)), AccountState::Usable);
    assert_eq!(fixed.state(UnixTime(IAT + 101)), AccountState::LoginNeeded);
}
