use super::*;

#[test]
fn the_issuer_must_be_ours_and_may_be_missing_only_where_none_is_announced() {
    const OURS: &str = "https://id.example.com";
    let check = |issuers: &[&str], is_announced| {
        let issuers: Vec<_> = issuers.iter().map(|&issuer| issuer.to_owned()).collect();
        check_issuer(&issuers, OURS, is_announced)
    };
    for is_announced in [false, true] {
        assert!(check(&[OURS], is_announced).is_ok());
        for other in [
            "",
            "https://id.example.com/",
            "https://ID.example.com",
            "https://other.example.com",
        ] {
            for issuers in [&[other][..], &[OURS, other]] {
                let error = check(issuers, is_announced);
                assert!(
                    matches!(error, Err(LoginError::OtherIssuer { .. })),
                    "{issuers:?}"
                );
            }
        }
    }
    assert!(check(&[], false).is_ok());
    assert!(matches!(check(&[], true), Err(LoginError::NoIssuer(_))));
}
