use super::*;

#[test]
fn blobs_are_read_up_to_the_first_malformed_one() {
    let mut answer = vec![IDENTITIES_ANSWER, 0, 0, 0, 2];
    for text in ["blob1", "comment", "blob2", ""] {
        answer.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
        answer.extend_from_slice(text.as_bytes());
    }
    assert_eq!(
        certificates(&answer).collect::<Vec<_>>(),
        [b"blob1", b"blob2"]
    );
    answer.extend_from_slice(&[0xff; 7]);
    assert_eq!(certificates(&answer).count(), 2);
    answer[0] = 5;
    assert_eq!(certificates(&answer).count(), 0);
    assert_eq!(certificates(&[]).count(), 0);
}
