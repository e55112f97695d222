use super::*;

#[test]
fn every_such_row_goes_and_the_rest_stays() {
    let before = "# ours\na 'x' i # c\nbroken\nb x i\na x i\na x j";
    let after = without_rows(before.as_bytes(), &[["a", "x", "i"]]).unwrap();
    assert_eq!(after, b"# ours\nbroken\nb x i\na x j");
    assert_eq!(without_rows(before.as_bytes(), &[["a", "X", "i"]]), None);
}
