use super::*;

#[test]
fn values_read_back_and_truncated_ones_fail() {
    let mut bytes = vec![1];
    bytes.extend(2u32.to_be_bytes());
    bytes.extend(3u64.to_be_bytes());
    put_string(&mut bytes, b"text");
    put_mpint(&mut bytes, &[0, 0, 0x80]);
    let read = |bytes: &[u8]| {
        let mut reader = Reader::new(bytes);
        let values = (reader.bool()?, reader.u32()?, reader.u64()?);
        let strings = (reader.string()?.to_vec(), reader.string()?.to_vec());
        reader.end().map(|()| (values, strings))
    };
    let expected = ((true, 2, 3), (b"text".to_vec(), vec![0, 0x80]));
    assert_eq!(read(&bytes), Ok(expected));
    for length in 0..bytes.len() {
        assert_eq!(read(&bytes[..length]), Err(Malformed));
    }
    bytes.push(0);
    assert_eq!(read(&bytes), Err(Malformed));
}
