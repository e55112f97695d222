use super::*;

#[test]
fn matches_as_path_match_does() {
    for (pattern, text, expected) in [
        ("abc", "abc", true),
        ("*", "abc", true),
        ("*c", "abc", true),
        ("a*", "ab/c", false),
        ("a*/b", "a/c/b", false),
        ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
        ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
        ("a*b?c*x", "abxbbxdbxebxczzx", true),
        ("ab[c]", "abc", true),
        ("ab[b-d]", "abc", true),
        ("ab[e-g]", "abc", false),
        ("ab[^c]", "abc", false),
        ("ab[^e-g]", "abc", true),
        ("a\\*b", "a*b", true),
        ("a\\*b", "ab", false),
        ("a?b", "a☺b", true),
        ("a[^a]b", "a☺b", true),
        ("a???b", "a☺b", false),
        ("[a-ζ]*", "α", true),
        ("*[a-ζ]", "A", false),
        ("a?b", "a/b", false),
        ("a*b", "a/b", false),
        ("[\\]a]", "]", true),
        ("[\\-]", "-", true),
        ("[x\\-]", "z", false),
        ("[\\-x]", "x", true),
        ("*x", "xxx", true),
        ("", "", true),
        ("", "a", false),
        ("**", "ab", true),
        ("**", "a/b", false),
    ] {
        assert_eq!(matches(pattern, text), Ok(expected), "{pattern} {text}");
    }
}

#[test]
fn malformed_patterns() {
    for pattern in [
        "[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[",
    ] {
        assert_eq!(matches(pattern, "a"), Err(Malformed), "{pattern}");
    }
}

#[test]
fn many_stars_do_not_explode() {
    let text = "a".repeat(2000);
    assert_eq!(matches(&format!("{}b", "*a".repeat(500)), &text), Ok(false));
}
