//! A certificate written by hand, since no builder would write the bad ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::jwk::PublicKey;
use opkssh_protocol::user_key::UserKey;

/// A certificate's fields (PROTOCOL.certkeys).
#[derive(Clone)]
pub struct Certificate {
    pub kind: u32,
    pub key_id: String,
    pub principals: Vec<String>,
    pub after: u64,
    pub before: u64,
    pub critical: Vec<(String, String)>,
    /// In place of the PK token and the permits.
    pub extensions: Option<Vec<(String, String)>>,
    /// Signs in place of the certified key.
    pub authority: Option<UserKey>,
    pub break_signature: bool,
}

impl Certificate {
    pub fn new() -> Self {
        Self {
            kind: 1,
            key_id: "alice@x.example".into(),
            principals: vec!["opkssh-wildcard".into()],
            after: 0,
            before: u64::MAX,
            critical: vec![],
            extensions: None,
            authority: None,
            break_signature: false,
        }
    }

    pub fn words(&self, key: &UserKey, pk_token: &str) -> (String, String) {
        let extensions = self.extensions.clone().unwrap_or_else(|| {
            vec![
                ("openpubkey-pkt".into(), pk_token.into()),
                ("permit-pty".into(), String::new()),
            ]
        });
        let (kind, body) = public_key(&key.public_key());
        let kind = format!("{kind}-cert-v01@openssh.com");
        let mut blob = Vec::new();
        string(&mut blob, kind.as_bytes());
        string(&mut blob, &[7; 32]);
        blob.extend(body);
        blob.extend(0u64.to_be_bytes());
        blob.extend(self.kind.to_be_bytes());
        string(&mut blob, self.key_id.as_bytes());
        let mut principals = Vec::new();
        for principal in &self.principals {
            string(&mut principals, principal.as_bytes());
        }
        string(&mut blob, &principals);
        blob.extend(self.after.to_be_bytes());
        blob.extend(self.before.to_be_bytes());
        string(&mut blob, &options(&self.critical));
        string(&mut blob, &options(&extensions));
        string(&mut blob, b"");
        let authority = self.authority.as_ref().unwrap_or(key);
        let (authority_kind, authority_body) = public_key(&authority.public_key());
        let mut authority_blob = Vec::new();
        string(&mut authority_blob, authority_kind.as_bytes());
        authority_blob.extend(authority_body);
        string(&mut blob, &authority_blob);
        let mut signature = authority.sign_ssh(&blob);
        if self.break_signature {
            let last = signature.len() - 1;
            signature[last] ^= 1;
        }
        string(&mut blob, &signature);
        (kind, STANDARD.encode(blob))
    }
}

/// `type base64` of a user key, as it stands in authorized_keys.
pub fn openssh(key: &UserKey) -> String {
    let (kind, body) = public_key(&key.public_key());
    let mut blob = Vec::new();
    string(&mut blob, kind.as_bytes());
    blob.extend(body);
    format!("{kind} {}", STANDARD.encode(blob))
}

/// The type's name, and what follows it in a key blob.
fn public_key(key: &PublicKey) -> (&'static str, Vec<u8>) {
    let mut body = Vec::new();
    match key {
        PublicKey::EcP256 { x, y } => {
            string(&mut body, b"nistp256");
            string(&mut body, &[&[4], &x[..], &y[..]].concat());
            ("ecdsa-sha2-nistp256", body)
        }
        PublicKey::Ed25519(key) => {
            string(&mut body, key);
            ("ssh-ed25519", body)
        }
        PublicKey::Rsa { .. } => panic!("no user key is RSA"),
    }
}

fn options(pairs: &[(String, String)]) -> Vec<u8> {
    let mut all = Vec::new();
    for (name, value) in pairs {
        string(&mut all, name.as_bytes());
        let mut data = Vec::new();
        if !value.is_empty() {
            string(&mut data, value.as_bytes());
        }
        string(&mut all, &data);
    }
    all
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}
