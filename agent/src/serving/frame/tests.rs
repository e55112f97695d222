use opkssh_protocol::control::MAX_FRAME;

use super::*;

const LENGTHS: RangeInclusive<usize> = 1..=MAX_FRAME;

async fn read_frame(
    reader: &mut (impl AsyncRead + Unpin),
) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    read(reader, LENGTHS, FRAME_TIMEOUT).await
}

#[tokio::test]
async fn forbidden_lengths_are_refused_before_reading_on() {
    for length in [0u32, MAX_FRAME as u32 + 1, u32::MAX] {
        let bytes = length.to_be_bytes();
        let error = read_frame(&mut &bytes[..]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
    }
}

#[tokio::test]
async fn a_message_ends_with_its_frame() {
    let mut bytes = &b"\0\0\0\x02ab\0\0\0\x01c"[..];
    assert_eq!(
        read_frame(&mut bytes).await.unwrap().unwrap()[..],
        b"ab"[..]
    );
    assert_eq!(read_frame(&mut bytes).await.unwrap().unwrap()[..], b"c"[..]);
    assert!(read_frame(&mut bytes).await.unwrap().is_none());
    assert!(read_frame(&mut &b"\0\0\0\x02a"[..]).await.is_err());
    assert!(read_frame(&mut &b"\0\0"[..]).await.is_err());
}

#[tokio::test]
async fn a_message_that_stalls_ends_the_connection() {
    for begun in [&b"\0"[..], b"\0\0\0\x05", b"\0\0\0\x05abcd"] {
        let (mut here, mut there) = tokio::io::duplex(64);
        there.write_all(begun).await.unwrap();
        let error = read(&mut here, LENGTHS, Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

#[tokio::test]
async fn an_answer_that_nobody_takes_ends_the_connection() {
    let (mut here, _there) = tokio::io::duplex(64);
    let error = write(&mut here, &[0; 65], Duration::ZERO).await;
    assert_eq!(error.unwrap_err().kind(), io::ErrorKind::TimedOut);
}
