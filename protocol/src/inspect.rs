//! `opkssh inspect`: shows a certificate or public key as text.
//!
//! The layout is that of Go's client. Extensions have a fixed order, access tokens are never shown,
//! and text is [`printable`]; `docs/differences.md` lists other differences. Nothing is verified.

use std::fmt::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use jiff::tz::TimeZone;
use serde_json::{Number, Value, json};
use ssh_key::PublicKey;
use ssh_key::certificate::{CertType, Certificate};

use crate::base64url;
use crate::certificate::{ACCESS_TOKEN_EXTENSION, PK_TOKEN_EXTENSION};
use crate::json::{self, Object};
use crate::pk_token::UnverifiedPkToken;
use crate::printable::{Printable, printable, printable_json};
use crate::wire::Reader;

/// Reason why a text cannot be shown.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages describe the variants")]
pub enum InspectError {
    #[error("failed to parse SSH key: ssh: no key found")]
    NoKey,
    #[error("failed to parse SSH key: {0}")]
    Malformed(String),
}

/// Shows the first key in `text`, in the format of authorized_keys files: skips blank lines,
/// comments, and options before the key. Times are shown in `zone`. An unreadable PK token is
/// replaced by the reason.
pub fn render(text: &str, zone: &TimeZone) -> Result<String, InspectError> {
    let (kind, blob) = text.lines().find_map(key_in).ok_or(InspectError::NoKey)?;
    let mut out = String::new();
    if is_certificate(kind) {
        let certificate = Certificate::from_bytes(&blob)
            .map_err(|error| InspectError::Malformed(error.to_string()))?;
        let token = certificate
            .extensions()
            .get(PK_TOKEN_EXTENSION)
            .map(|compact| UnverifiedPkToken::parse_compact(compact));
        let _ = write_certificate(&mut out, &certificate, zone);
        let _ = match token {
            Some(Ok(token)) => write_pk_token(&mut out, &token),
            Some(Err(error)) => {
                writeln!(out, "Error parsing PKToken: {}", shown(&error.to_string()))
            }
            None => writeln!(out, "\nNo openpubkey-pkt extension found"),
        };
    } else {
        let _ = write_public_key(&mut out, kind, &blob);
    }
    Ok(out)
}

/// Returns the same as JSON: what Go's format cuts is whole, and access tokens are left out here, too.
pub fn as_json(text: &str) -> Result<Value, InspectError> {
    let (kind, blob) = text.lines().find_map(key_in).ok_or(InspectError::NoKey)?;
    if !is_certificate(kind) {
        let fingerprint = fingerprint(&blob);
        return Ok(json!({ "type": kind, "fingerprint": fingerprint, "certificate": null }));
    }
    let certificate = Certificate::from_bytes(&blob)
        .map_err(|error| InspectError::Malformed(error.to_string()))?;
    let key = PublicKey::from(certificate.public_key().clone()).to_bytes();
    let key = key.map_err(|error| InspectError::Malformed(error.to_string()))?;
    let token = certificate.extensions().get(PK_TOKEN_EXTENSION);
    let token = token.map(|compact| match UnverifiedPkToken::parse_compact(compact) {
        Ok(token) => json!({
            "claims": token.unverified_claims().all(),
            "provider_header": token.unverified_id_token().header,
            "client_header": json::parse_object_like_go(token.unverified_cic().canonical().as_bytes()).ok(),
            "hash": token.hash(),
        }),
        Err(error) => json!({ "error": error.to_string() }),
    });
    let extensions = certificate.extensions().iter().map(|(name, value)| {
        let is_token = [PK_TOKEN_EXTENSION, ACCESS_TOKEN_EXTENSION].contains(&name.as_str());
        (
            name.clone(),
            if is_token { Value::Null } else { json!(value) },
        )
    });
    let options = certificate.critical_options().iter();
    Ok(json!({
        "type": kind,
        "fingerprint": fingerprint(&key),
        "certificate": {
            "serial": certificate.serial(),
            "kind": match certificate.cert_type() {
                CertType::User => "user",
                CertType::Host => "host",
            },
            "key_id": certificate.key_id(),
            "principals": certificate.valid_principals(),
            "valid_after": certificate.valid_after(),
            // `null`: for ever
            "valid_before": Some(certificate.valid_before()).filter(|end| *end != u64::MAX),
            "critical_options": options.map(|(name, value)| (name.clone(), json!(value))).collect::<Object>(),
            "extensions": extensions.collect::<Object>(),
            "pk_token": token,
        },
    }))
}

/// Returns the key of a line, which may begin with options.
fn key_in(line: &str) -> Option<(&str, Vec<u8>)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    key_at(line).or_else(|| key_at(after_options(line)?))
}

/// Returns the key at the start of `line`: a type and a base64 blob that begins with the same type.
fn key_at(text: &str) -> Option<(&str, Vec<u8>)> {
    let mut words = text.split_ascii_whitespace();
    let (kind, base64) = (words.next()?, words.next()?);
    let blob = STANDARD.decode(base64).ok()?;
    let own = Reader::new(&blob).string().ok()?;
    let is_key = is_certificate(kind) || PublicKey::from_bytes(&blob).is_ok();
    (own == kind.as_bytes() && is_key).then_some((kind, blob))
}

/// Returns the text after the options, which end at the first blank outside quotes.
fn after_options(line: &str) -> Option<&str> {
    let (mut quoted, mut escaped) = (false, false);
    let end = line.find(|character| {
        let is_quote = character == '"' && !escaped;
        escaped = character == '\\';
        quoted ^= is_quote;
        !quoted && matches!(character, ' ' | '\t')
    })?;
    Some(&line[end..])
}

fn is_certificate(kind: &str) -> bool {
    kind.ends_with("-cert-v01@openssh.com")
}

fn write_certificate(out: &mut String, certificate: &Certificate, zone: &TimeZone) -> fmt::Result {
    writeln!(out, "--- SSH Certificate Information ---")?;
    for (label, value) in fields(certificate, zone) {
        writeln!(out, "{label:<18} {}", shown(&value))?;
    }
    writeln!(out, "Extensions:")?;
    for (name, value) in certificate.extensions().iter() {
        let value = match name.as_str() {
            PK_TOKEN_EXTENSION => format!("[PKToken data] {} bytes", value.len()),
            ACCESS_TOKEN_EXTENSION => format!("[access token] {} bytes", value.len()),
            _ => shown(value).to_string(),
        };
        writeln!(out, "  {}: {value}", shown(name))?;
    }
    Ok(())
}

fn fields(certificate: &Certificate, zone: &TimeZone) -> [(&'static str, String); 7] {
    let kind = match certificate.cert_type() {
        CertType::User => "User Certificate",
        CertType::Host => "Host Certificate",
    };
    let options = certificate.critical_options().iter();
    let options: Vec<_> = options
        .map(|(name, value)| format!("{name}:{value}"))
        .collect();
    let principals = certificate.valid_principals().join(" ");
    let (start, end) = (certificate.valid_after(), certificate.valid_before());
    [
        ("Serial:", certificate.serial().to_string()),
        ("Type:", kind.to_owned()),
        ("Key ID:", certificate.key_id().to_owned()),
        ("Principals:", format!("[{principals}]")),
        ("Valid After:", local_time(start, zone)),
        ("Valid Before:", local_time(end, zone)),
        ("Critical Options:", format!("map[{}]", options.join(" "))),
    ]
}

fn write_pk_token(out: &mut String, token: &UnverifiedPkToken) -> fmt::Result {
    let (claims, id_token) = (token.unverified_claims(), token.unverified_id_token());
    let payload = indented(claims.all());
    let provider = indented(&id_token.header);
    let client = header(token.unverified_cic().canonical().as_bytes());
    writeln!(out, "\n--- PKToken Structure ---")?;
    writeln!(out, "Payload:\n{payload}")?;
    writeln!(out, "\n--- Signature Information ---")?;
    writeln!(out, "Provider Signature (OP) exists\n{provider}")?;
    writeln!(out, "Client Signature (CIC) exists\n{client}")?;
    if let Some(cosigner) = token.unverified_cosigner_header() {
        let cosigner = header(&base64url::decode(cosigner).unwrap_or_default());
        writeln!(out, "Cosigner Signature (COS) exists\n{cosigner}")?;
    }

    writeln!(out, "\n--- Token Metadata ---")?;
    let mut field = |label: &str, value: &str| writeln!(out, "{label:<19} {}", shown(value));
    field("Issuer:", claims.iss())?;
    // as in Go, left out if `aud` is a list
    match claims.get("aud") {
        Some(Value::String(audience)) => field("Audience:", audience)?,
        None | Some(Value::Null) => field("Audience:", "")?,
        Some(_) => {}
    }
    field("Subject:", claims.sub())?;
    field("Identity:", &format!("{} {}", claims.sub(), claims.iss()))?;
    field("Token Hash:", &token.hash())?;
    let algorithm = id_token.header_text("alg").unwrap_or_default();
    field("Provider Algorithm:", algorithm)
}

fn write_public_key(out: &mut String, kind: &str, blob: &[u8]) -> fmt::Result {
    let base64 = STANDARD.encode(blob);
    let start = base64.get(..20).unwrap_or(&base64);
    writeln!(out, "--- SSH Public Key Information ---")?;
    writeln!(out, "Type: {}", shown(kind))?;
    writeln!(out, "Fingerprint: {}", fingerprint(blob))?;
    writeln!(out, "Marshal (base64): {start}...")
}

/// Returns `SHA256:…` of a key's blob, as `ssh-keygen -l` shows it.
pub fn fingerprint(blob: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, blob);
    format!("SHA256:{}", STANDARD_NO_PAD.encode(digest))
}

/// Returns the time in RFC 3339, or the number of seconds if it is outside the calendar.
fn local_time(seconds: u64, zone: &TimeZone) -> String {
    match seconds {
        0 => return "Not set".to_owned(),
        u64::MAX => return "Forever".to_owned(),
        _ => {}
    }
    let timestamp = i64::try_from(seconds).ok();
    let timestamp = timestamp.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let Some(timestamp) = timestamp else {
        return seconds.to_string();
    };
    let zoned = timestamp.to_zoned(zone.clone());
    let format = match zoned.offset().is_zero() {
        true => "%Y-%m-%dT%H:%M:%SZ",
        false => "%Y-%m-%dT%H:%M:%S%:z",
    };
    zoned.strftime(format).to_string()
}

/// Returns a protected header, which was parsed before.
fn header(bytes: &[u8]) -> String {
    let object = json::parse_object_like_go(bytes);
    object.map(|object| indented(&object)).unwrap_or_default()
}

/// Returns JSON with two blanks of indentation, sorted keys, and Go's escaping, which also
/// neutralizes bidirectional text.
fn indented(object: &Object) -> String {
    let mut object = Value::Object(object.clone());
    plain_numbers(&mut object);
    let text = serde_json::to_string_pretty(&object).unwrap_or_default();
    printable_json(&json::escaped_like_go(&text))
}

/// Returns the text escaped, but not cut.
fn shown(text: &str) -> Printable<'_> {
    printable(text).uncut()
}

/// Replaces exponents: `1e6` becomes `1000000`.
fn plain_numbers(value: &mut Value) {
    const EXACT: f64 = (1_u64 << 53) as f64;
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64()
                && number.is_f64()
                && float.fract() == 0.0
                && float.abs() <= EXACT
            {
                *number = Number::from(float as i64);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain_numbers),
        Value::Object(members) => members.values_mut().for_each(plain_numbers),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
