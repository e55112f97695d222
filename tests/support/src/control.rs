//! The few lines of HTTP that talk to a test part's control port.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// Sends a request to 127.0.0.1 and gives the JSON of the answer.
pub(crate) fn ask(port: u16, method: &str, path_and_query: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the control port answers");
    // HTTP/1.0: the answer is never chunked and ends with the connection.
    write!(
        stream,
        "{method} {path_and_query} HTTP/1.0\r\ncontent-length: 0\r\n\r\n"
    )
    .expect("ask");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the control port's answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let first = head.lines().next().unwrap_or_default();
    assert!(
        first.contains(" 200 "),
        "{method} {path_and_query}: {first}: {body}"
    );
    serde_json::from_str(body).expect("JSON from the control port")
}
