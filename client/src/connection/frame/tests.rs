use super::*;
use opkssh_protocol::config::{ClientConfig, Provider};
use opkssh_protocol::control::{Joining, LoginRequest, WhichAccount};

fn frame(body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
}

fn read(bytes: &[u8]) -> Result<Event, ClientError> {
    read_event(&mut &bytes[..])
}

#[test]
fn a_request_is_a_length_and_json() {
    let mut out = Vec::new();
    write_request(
        &mut out,
        &Request::Logout {
            which: WhichAccount::All,
            force: false,
        },
        SessionEnvironment::default(),
    )
    .unwrap();
    let body =
        br#"{"version":2,"session":{},"message":{"request":"logout","which":"all","force":false}}"#;
    assert_eq!(out, frame(body));
}

#[test]
fn an_event_is_read_back() {
    let event = read(&frame(
        br#"{"version":2,"message":{"event":"waiting","what":"x"}}"#,
    ));
    assert!(matches!(event, Ok(Event::Waiting { what }) if what == "x"));
}

#[test]
fn an_oversized_frame_is_refused_by_its_length_alone() {
    // nothing follows the length: reading or allocating first would report a hang-up
    for length in [MAX_FRAME as u32 + 1, u32::MAX] {
        let error = read(&length.to_be_bytes()).err().unwrap();
        assert!(
            error.to_string().contains(&format!("{length} bytes long")),
            "{error}"
        );
    }
    let mut exact = vec![b' '; MAX_FRAME];
    let json = br#"{"version":2,"message":{"event":"stopping"}}"#;
    exact[..json.len()].copy_from_slice(json);
    assert!(matches!(read(&frame(&exact)), Ok(Event::Stopping)));
}

#[test]
fn another_version_is_told_apart_from_garbage() {
    for (body, version) in [
        (r#"{"version":1,"message":{"event":"ready"}}"#, Some(1)),
        (r#"{"version":7,"message":{"event":"new"}}"#, Some(7)),
        (
            r#"{"version":1,"message":{"event":"failed","failure":{"message":"too old","hint":"update"}}}"#,
            Some(1),
        ),
        (r#"{"version":2,"message":{"event":"new"}}"#, None),
        ("hello", None),
        ("", None),
    ] {
        let found = match read(&frame(body.as_bytes())) {
            Err(ClientError::Version { agent }) => Some(agent),
            Err(ClientError::InvalidAnswer(_)) => None,
            _ => panic!("{body}"),
        };
        assert_eq!(found, version, "{body}");
    }
    let json = br#"{"version":1,"message":{"event":"stopping"}}"#;
    assert!(matches!(read(&frame(json)), Ok(Event::Stopping)));
}

#[test]
fn a_cut_frame_is_a_hang_up() {
    let whole = frame(br#"{"version":2,"message":{"event":"stopping"}}"#);
    for length in 0..whole.len() {
        assert!(
            matches!(read(&whole[..length]), Err(ClientError::ConnectionClosed)),
            "{length}"
        );
    }
}

#[test]
fn a_request_too_large_for_the_agent_is_not_sent() {
    let provider: Provider = ClientConfig::built_in().unwrap().providers.remove(0);
    let request = Request::Login(LoginRequest {
        again: false,
        providers: vec![provider; 1000],
        key_type: Default::default(),
        principals: Vec::new(),
        send_access_token: None,
        flow: Default::default(),
        account: None,
        asking: Default::default(),
        joining: Joining::default(),
    });
    let mut out = Vec::new();
    let error = write_request(&mut out, &request, SessionEnvironment::default()).unwrap_err();
    assert!(
        error.to_string().contains("bytes long, more than"),
        "{error}"
    );
    assert!(out.is_empty());
}
