//! What ssh has signed to log in: a public key authentication request (RFC 4252 section 7; PROTOCOL
//! section 3.1, `publickey-hostbound-v00@openssh.com`).

use opkssh_protocol::wire::{Malformed, Reader};

use super::destination::{Bind, Bindings};

const USERAUTH_REQUEST: u8 = 50;

pub struct UserauthRequest<'a> {
    pub session_id: &'a [u8],
    /// The name on the server that the login is for.
    pub user: &'a [u8],
    /// The key or certificate that logs in.
    pub key: &'a [u8],
    /// The host key of the server that the login is for, if the request is bound to one.
    pub host_key: Option<&'a [u8]>,
}

impl<'a> UserauthRequest<'a> {
    /// Reads the data of a signature request; `None` for anything but a login.
    pub fn parse(data: &'a [u8]) -> Option<Self> {
        Self::read(data).ok().flatten()
    }

    fn read(data: &'a [u8]) -> Result<Option<Self>, Malformed> {
        let mut reader = Reader::new(data);
        let session_id = reader.string()?;
        let kind = reader.u8()?;
        let user = reader.string()?;
        let service = reader.string()?;
        let method = reader.string()?;
        let is_signed = reader.bool()?;
        let _algorithm = reader.string()?;
        let key = reader.string()?;
        let host_key = match method {
            b"publickey-hostbound-v00@openssh.com" => Some(reader.string()?),
            b"publickey" => None,
            _ => return Ok(None),
        };
        reader.end()?;
        let is_login = kind == USERAUTH_REQUEST && service == b"ssh-connection" && is_signed;
        Ok(is_login.then_some(Self {
            session_id,
            user,
            key,
            host_key,
        }))
    }
}

/// Returns the login that `data` is, and the server, if the connection's binds prove that it is for
/// this server.
pub fn proved_login<'a>(
    data: &'a [u8],
    bindings: &'a Bindings,
) -> Option<(UserauthRequest<'a>, &'a Bind)> {
    let request = UserauthRequest::parse(data)?;
    let server = bindings.destination()?;
    let names_server = match request.host_key {
        Some(host_key) => host_key == server.host_key.blob,
        // only this machine's own ssh is believed without
        None => !bindings.is_forwarded(),
    };
    let is_this = names_server && request.session_id == server.session_id;
    is_this.then_some((request, server))
}
