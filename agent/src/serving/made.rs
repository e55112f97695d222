//! Keys, certificates and binds that the tests of this wing make for themselves.

use opkssh_protocol::control::KeyType;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::user_key::UserKey;

use super::wire::put_string;

pub struct Key(UserKey);

impl Key {
    pub fn ed25519() -> Self {
        Self(UserKey::generate(KeyType::Ed25519).unwrap())
    }

    pub fn p256() -> Self {
        Self(UserKey::generate(KeyType::Ecdsa).unwrap())
    }

    pub fn blob(&self) -> Vec<u8> {
        [&strings(&[self.kind().as_bytes()])[..], &self.fields()].concat()
    }

    pub fn sign(&self, data: &[u8]) -> Vec<u8> {
        self.0.sign_ssh(data)
    }

    pub fn into_user_key(self) -> UserKey {
        self.0
    }

    fn kind(&self) -> &'static str {
        match self.0.public_key() {
            PublicKey::Ed25519(_) => "ssh-ed25519",
            _ => "ecdsa-sha2-nistp256",
        }
    }

    fn fields(&self) -> Vec<u8> {
        match self.0.public_key() {
            PublicKey::Ed25519(key) => strings(&[&key]),
            PublicKey::EcP256 { x, y } => {
                strings(&[b"nistp256", &[&[4][..], &x[..], &y[..]].concat()])
            }
            _ => panic!("a user key of another kind"),
        }
    }
}

/// A host certificate in the making; valid forever unless it is changed.
pub struct Certificate<'a> {
    key: &'a Key,
    authority: &'a Key,
    /// Who really signs it.
    pub signer: Option<&'a Key>,
    pub kind: u32,
    pub principals: Vec<String>,
    pub valid_after: u64,
    pub valid_before: u64,
    pub critical_options: Vec<u8>,
}

impl<'a> Certificate<'a> {
    pub fn new(key: &'a Key, authority: &'a Key, principals: &[&str]) -> Self {
        Self {
            key,
            authority,
            signer: None,
            kind: 2,
            principals: principals.iter().map(|&name| name.to_owned()).collect(),
            valid_after: 0,
            valid_before: u64::MAX,
            critical_options: Vec::new(),
        }
    }

    pub fn blob(&self) -> Vec<u8> {
        let kind = format!("{}-cert-v01@openssh.com", self.key.kind());
        let mut blob = strings(&[kind.as_bytes(), b"nonce"]);
        blob.extend(self.key.fields());
        blob.extend(1u64.to_be_bytes());
        blob.extend(self.kind.to_be_bytes());
        let principals: Vec<&[u8]> = self.principals.iter().map(String::as_bytes).collect();
        blob.extend(strings(&[b"id", &strings(&principals)]));
        blob.extend(self.valid_after.to_be_bytes());
        blob.extend(self.valid_before.to_be_bytes());
        let authority = self.authority.blob();
        blob.extend(strings(&[&self.critical_options, b"", b"", &authority]));
        let signature = self.signer.unwrap_or(self.authority).sign(&blob);
        put_string(&mut blob, &signature);
        blob
    }
}

/// A bind's body for `session_id` at the server with the key `host_key`, signed by `signer`.
pub fn bind(host_key: &[u8], signer: &Key, session_id: &[u8], is_forwarding: bool) -> Vec<u8> {
    let mut body = strings(&[host_key, session_id, &signer.sign(session_id)]);
    body.push(u8::from(is_forwarding));
    body
}

/// One after the other (RFC 4251 section 5).
pub fn strings(list: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for string in list {
        put_string(&mut out, string);
    }
    out
}
