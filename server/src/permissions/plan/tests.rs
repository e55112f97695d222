use super::*;

#[test]
fn modes_in_letters() {
    assert_eq!(letters(0o640), "-rw-r-----");
    assert_eq!(letters(0o751), "-rwxr-x--x");
}
