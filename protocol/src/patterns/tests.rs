use super::*;

fn patterns(list: &[&str]) -> Vec<String> {
    list.iter().map(|&pattern| pattern.to_owned()).collect()
}

#[test]
fn patterns_as_in_ssh_config() {
    for (pattern, host, expected) in [
        ("*", "anything", true),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "example.com", false),
        ("*.example.com", "a.example.com.evil", false),
        ("10.0.?.1", "10.0.5.1", true),
        ("10.0.?.1", "10.0.55.1", false),
        ("Web-*-1", "web-eu-1", true),
        ("a*b*c", "axxbyyc", true),
        ("", "", true),
        ("", "a", false),
    ] {
        assert_eq!(
            host_matches(host, &patterns(&[pattern])),
            expected,
            "{pattern} {host}"
        );
    }
    // names of users are compared as they are
    assert!(matches("ali*", "alice") && !matches("Ali*", "alice"));
    assert!(host_matches("a.x", &patterns(&["*.x", "!b.x"])));
    assert!(!host_matches("b.x", &patterns(&["*.x", "!b.x"])));
    assert!(!host_matches("a.x", &patterns(&["!b.x"])));
    assert!(!host_matches("a.x", &[]));
}

#[test]
fn patterns_overlap_where_a_host_matches_both() {
    for (a, b, expected) in [
        ("github.com", "git?ub.com", true),
        ("github.com", "*", true),
        ("*.sr.ht", "git.*", true),
        ("*.sr.ht", "*.com", false),
        ("a*b", "*c*", true),
        ("GIT.sr.ht", "git.SR.ht", true),
        ("git.sr.ht", "git.sr.h", false),
        ("**", "", true),
        ("?", "", false),
    ] {
        assert_eq!(overlap(a, b), expected, "{a} {b}");
        assert_eq!(overlap(b, a), expected, "{b} {a}");
    }
}

#[test]
fn a_negated_pattern_excludes_under_any_spelling() {
    let spellings = ["[web1]:2222", "web1"];
    for (list, expected) in [
        (&["*", "!web1"][..], Verdict::Excluded),
        (&["!web1", "*"], Verdict::Excluded),
        (&["web1", "![web1]:*"], Verdict::Excluded),
        (&["web1", "!web2"], Verdict::Named),
        (&["[web1]:2222"], Verdict::Named),
        (&["web2", "!web3"], Verdict::Unmentioned),
        (&[], Verdict::Unmentioned),
    ] {
        assert_eq!(verdict(&spellings, &patterns(list)), expected, "{list:?}");
    }
}
