use super::*;

#[test]
fn principals_that_could_break_out_of_the_line_are_refused() {
    let long = "a".repeat(129);
    for name in [
        "", "a\"b", "a,b", "a b", "a\nb", "-a", ".a", "a=b", "$", "ä", "a$b", "a$$", &long,
    ] {
        assert!(!is_principal(name), "{name:?}");
    }
    for name in [
        "root",
        "_x",
        "a.b+c@d-e",
        "host$",
        "opkssh-wildcard",
        "0",
        &long[..128],
    ] {
        assert!(is_principal(name), "{name:?}");
    }
}
