use super::*;

const T0: i64 = 1_700_000_000;

fn times(iat: i64, exp: i64, refreshed: Option<i64>) -> TokenTimes {
    TokenTimes {
        issued_at: Some(UnixTime(iat)),
        expires_at: Some(UnixTime(exp)),
        refreshed_expires_at: refreshed.map(UnixTime),
    }
}

#[test]
fn every_policy_ends_at_its_second() {
    for (name, end) in [
        ("12h", Some(T0 + 43_200)),
        ("24h", Some(T0 + 86_400)),
        ("48h", Some(T0 + 172_800)),
        ("1week", Some(T0 + 604_800)),
        ("oidc", Some(T0 + 300)),
        ("oidc_refreshed", Some(T0 + 900)),
        ("oidc-refreshed", Some(T0 + 900)),
        ("never", None),
    ] {
        let policy: ExpirationPolicy = name.parse().unwrap();
        let times = times(T0, T0 + 300, Some(T0 + 900));
        assert_eq!(policy.end(times), Ok(end.map(UnixTime)), "{name}");
        if let Some(end) = end {
            assert!(policy.check(times, UnixTime(end)).is_ok(), "{name}");
            assert!(policy.check(times, UnixTime(end + 1)).is_err(), "{name}");
        }
    }
}

#[test]
fn names_are_case_sensitive_and_exact() {
    for name in ["24H", "", "zz", "OIDC", "24h ", "1w"] {
        assert!(name.parse::<ExpirationPolicy>().is_err(), "{name:?}");
    }
}

#[test]
fn missing_zero_negative_and_huge_times_are_refused() {
    let max_age = ExpirationPolicy::Hours24;
    for iat in [None, Some(0), Some(-5), Some(i64::MAX)] {
        let times = TokenTimes {
            issued_at: iat.map(UnixTime),
            expires_at: Some(UnixTime(T0)),
            refreshed_expires_at: None,
        };
        assert_eq!(
            max_age.end(times),
            Err(ExpirationError::NoIssuedAt),
            "{iat:?}"
        );
    }
    for exp in [None, Some(0), Some(-1)] {
        let times = TokenTimes {
            issued_at: Some(UnixTime(T0)),
            expires_at: exp.map(UnixTime),
            refreshed_expires_at: Some(UnixTime(T0 + 9)),
        };
        for policy in [ExpirationPolicy::Oidc, ExpirationPolicy::OidcRefreshed] {
            assert_eq!(
                policy.end(times),
                Err(ExpirationError::NoExpiration),
                "{exp:?}"
            );
        }
    }
}

#[test]
fn a_refreshed_token_helps_oidc_refreshed_only() {
    let times = times(T0, T0 + 300, Some(T0 + 900));
    assert!(
        ExpirationPolicy::Oidc
            .check(times, UnixTime(T0 + 301))
            .is_err()
    );
    assert!(
        ExpirationPolicy::OidcRefreshed
            .check(times, UnixTime(T0 + 301))
            .is_ok()
    );
}
