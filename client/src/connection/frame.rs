//! Reads and writes the frames that `opkssh_protocol::control` describes.

use std::io::{self, Read, Write};

use opkssh_protocol::control::{Event, MAX_FRAME, Request, VERSION, Versioned};
use opkssh_protocol::session_environment::SessionEnvironment;
use zeroize::Zeroizing;

use crate::error::ClientError;

/// Writes one request of `session`.
pub fn write_request(
    to: &mut impl Write,
    request: &Request,
    session: SessionEnvironment,
) -> Result<(), ClientError> {
    // a request may hold a password or a client secret
    let body = serde_json::to_vec(&Versioned::from_session(request, session))
        .map(Zeroizing::new)
        .map_err(|error| ClientError::InvalidAnswer(error.to_string()))?;
    let length = match u32::try_from(body.len()) {
        Ok(length) if body.len() <= MAX_FRAME => length,
        _ => {
            let size = body.len();
            return Err(ClientError::new(
                format!("this request is {size} bytes long, more than {MAX_FRAME}"),
                "name one provider: opkssh login ALIAS",
            ));
        }
    };
    let mut frame = Zeroizing::new(Vec::with_capacity(4 + body.len()));
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(&body);
    to.write_all(&frame)
        .and_then(|()| to.flush())
        .map_err(unanswered)
}

/// Reads one event. Returns [`Event::Failed`] and [`Event::Locked`] as errors.
pub fn read_event(from: &mut impl Read) -> Result<Event, ClientError> {
    let mut length = [0; 4];
    from.read_exact(&mut length).map_err(unanswered)?;
    let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX_FRAME {
        let what = format!("the agent's answer is {length} bytes long, more than {MAX_FRAME}");
        return Err(ClientError::NoAnswer(what));
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).map_err(unanswered)?;
    parse_event(&body)
}

fn parse_event(body: &[u8]) -> Result<Event, ClientError> {
    let garbled = |error: serde_json::Error| ClientError::InvalidAnswer(error.to_string());
    // of another version's events, only Stopping has a known meaning
    let Versioned {
        version, message, ..
    } = serde_json::from_slice::<Versioned<serde_json::Value>>(body).map_err(garbled)?;
    match serde_json::from_value(message) {
        Ok(Event::Stopping) => Ok(Event::Stopping),
        _ if version != VERSION => Err(ClientError::Version { agent: version }),
        Ok(Event::Failed { failure }) => Err(ClientError::Failed(failure)),
        Ok(Event::Locked { part, reason }) => Err(ClientError::Locked { part, reason }),
        Ok(event) => Ok(event),
        Err(error) => Err(garbled(error)),
    }
}

fn unanswered(error: io::Error) -> ClientError {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            ClientError::NoAnswer("the agent did not answer in time".to_owned())
        }
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => ClientError::ConnectionClosed,
        _ => ClientError::NoAnswer(format!("cannot talk to the agent: {error}")),
    }
}

#[cfg(test)]
mod tests;
