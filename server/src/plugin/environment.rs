//! The environment of a plugin, with Go's variables.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::id_token::Claims;
use opkssh_protocol::jwk::{Algorithm, PublicKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Description;

/// Data about a login. It is verified, but the client chose it.
pub struct Request<'a> {
    /// sshd's `%u`, `%k` and `%t`, and the words after them.
    pub principal: &'a str,
    pub certificate: &'a str,
    pub key_type: &'a str,
    pub extra: &'a [String],
    pub claims: &'a Claims,
    pub payload: &'a [u8],
    pub user_key: &'a PublicKey,
    pub pk_token: &'a str,
    pub id_token: &'a str,
    /// The response of the provider's userinfo endpoint, in JSON.
    pub userinfo: Option<&'a str>,
}

const PREFIX: &str = "OPKSSH_PLUGIN_";

/// The variables that are the same for every plugin. Unknown values are empty.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "Vec<(String, String)>")]
pub struct Variables(Vec<(String, String)>);

impl Variables {
    pub fn of(request: &Request<'_>) -> Result<Self, String> {
        let variables = about(request).into_iter();
        let variables = variables.map(|(name, value)| (format!("{PREFIX}{name}"), value));
        variables.collect::<Vec<_>>().try_into()
    }

    /// Adds the variables of one plugin.
    pub fn with(&self, plugin: &Description) -> impl Iterator<Item = (&str, String)> {
        let config = ("OPKSSH_PLUGIN_CONFIG", STANDARD.encode(yaml(plugin)));
        let all = self.0.iter();
        let all = all.map(|(name, value)| (name.as_str(), value.clone()));
        all.chain([config])
    }
}

/// Fails for other names, such as those that a linker or shell interprets.
impl TryFrom<Vec<(String, String)>> for Variables {
    type Error = String;

    fn try_from(variables: Vec<(String, String)>) -> Result<Self, String> {
        for (name, value) in &variables {
            let is_plain = |letter: u8| letter.is_ascii_uppercase() || letter == b'_';
            if !name.starts_with(PREFIX) || !name.bytes().all(is_plain) {
                return Err(format!("{name:?} is not a variable for plugins"));
            }
            if value.contains('\0') {
                return Err(format!(
                    "{name} contains a NUL, which no variable can carry"
                ));
            }
        }
        Ok(Self(variables))
    }
}

fn about(request: &Request<'_>) -> Vec<(&'static str, String)> {
    let claim = |name| request.claims.get(name);
    let text = |name| claim(name).map(text).unwrap_or_default();
    let extra = match request.extra {
        [] => String::new(),
        words => Value::from(words).to_string(),
    };
    let jwk = request.user_key.to_jwk(algorithm(request.user_key));
    let jwk = Value::Object(jwk).to_string();
    vec![
        ("U", request.principal.to_owned()),
        ("K", request.certificate.to_owned()),
        ("T", request.key_type.to_owned()),
        ("ISS", text("iss")),
        ("SUB", text("sub")),
        ("EMAIL", text("email")),
        ("JTI", text("jti")),
        (
            "EMAIL_VERIFIED",
            claim("email_verified").map(truth).unwrap_or_default(),
        ),
        ("AUD", text("aud")),
        ("GROUPS", text("groups")),
        ("EXP", text("exp")),
        ("NBF", text("nbf")),
        ("IAT", text("iat")),
        ("PAYLOAD", STANDARD.encode(request.payload)),
        ("UPK", STANDARD.encode(go_key_json(request.user_key))),
        ("UPK_JWK", STANDARD.encode(jwk)),
        ("PKT", request.pk_token.to_owned()),
        ("IDT", request.id_token.to_owned()),
        ("USERINFO", request.userinfo.unwrap_or_default().to_owned()),
        ("EXTRA_ARGS", extra),
    ]
}

/// Returns a text unchanged; empty for `null`; JSON for anything else.
fn text(claim: &Value) -> String {
    match claim {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns `true` or `false`, also for texts that Go parses as such.
fn truth(claim: &Value) -> String {
    match text(claim) {
        word if ["1", "t", "T", "TRUE", "true", "True"].contains(&word.as_str()) => "true".into(),
        word if ["0", "f", "F", "FALSE", "false", "False"].contains(&word.as_str()) => {
            "false".into()
        }
        other => other,
    }
}

/// Returns the signature algorithm of a key of this kind.
fn algorithm(key: &PublicKey) -> Algorithm {
    match key {
        PublicKey::EcP256 { .. } => Algorithm::Es256,
        PublicKey::Ed25519(_) => Algorithm::EdDsa,
        PublicKey::Rsa { .. } => Algorithm::Rs256,
    }
}

/// Returns Go's JSON of its key types, which existing plugins may parse.
fn go_key_json(key: &PublicKey) -> String {
    match key {
        PublicKey::EcP256 { x, y } => {
            format!(r#"{{"Curve":{{}},"X":{},"Y":{}}}"#, decimal(x), decimal(y))
        }
        PublicKey::Ed25519(bytes) => format!("\"{}\"", STANDARD.encode(bytes)),
        PublicKey::Rsa { n, e } => format!(r#"{{"N":{},"E":{}}}"#, decimal(n), decimal(e)),
    }
}

/// Returns a big-endian number in decimal digits.
fn decimal(bytes: &[u8]) -> String {
    let mut digits: Vec<u8> = vec![0]; // least significant first
    for byte in bytes {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            let value = u32::from(*digit) * 256 + carry;
            *digit = u8::try_from(value % 10).unwrap_or(0);
            carry = value / 10;
        }
        while carry > 0 {
            digits.push(u8::try_from(carry % 10).unwrap_or(0));
            carry /= 10;
        }
    }
    digits
        .iter()
        .rev()
        .map(|digit| char::from(b'0' + digit))
        .collect()
}

/// Returns the plugin's file as Go writes it: its two keys, quoted if necessary.
fn yaml(plugin: &Description) -> String {
    let (name, command) = (scalar(&plugin.name), scalar(&plugin.command));
    format!("name: {name}\ncommand: {command}\n")
}

fn scalar(text: &str) -> String {
    if needs_quotes(text) || text.contains(char::is_control) {
        // JSON strings are valid YAML
        return Value::from(text).to_string();
    }
    let mut letters = text.chars();
    let starts_plainly = match letters.next() {
        Some('-' | '?' | ':') => letters.next().is_some_and(|second| second != ' '),
        Some(first) => !" ,[]{}#&*!|>'\"%@`".contains(first),
        None => false,
    };
    let ends_plainly = !text.ends_with([' ', ':']);
    if starts_plainly && ends_plainly && !text.contains(": ") && !text.contains(" #") {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// Returns true if YAML would read the bare word as something other than text.
fn needs_quotes(text: &str) -> bool {
    let word = text.to_ascii_lowercase();
    [
        "", "~", "null", "true", "false", "y", "n", "yes", "no", "on", "off", "<<", "=", ".nan",
    ]
    .contains(&word.as_str())
        || (text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
            && (text.parse::<f64>().is_ok() || text.starts_with("0x")))
}

#[cfg(test)]
mod tests;
