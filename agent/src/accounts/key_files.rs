//! A login whose key goes into files or onto the screen, as Go opkssh does it: for scripts, CI and
//! programs that cannot ask an agent. No daemon takes part and nothing can be renewed.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opkssh_files::Writer;
use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::control::{Event, Failure, KeyType, LoginRequest};
use opkssh_protocol::id_token::Claims;
use opkssh_protocol::places::Places;
use opkssh_protocol::secret::Secret;
use tokio::sync::mpsc;

use super::clock::Clock;
use super::login::awaited::Awaited;
use super::login::{LoggedIn, Login, Page};
use super::mint::mint;
use crate::desktop::surroundings::Surroundings;

/// Where the key shall go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyTarget {
    /// The caller's output: certificate, key, an empty line.
    Print,
    /// This file, and the certificate beside it.
    File(PathBuf),
    /// `~/.ssh/opkssh`, where `login --configure` has been.
    IdentityDirectory,
    /// The first free of ssh's default names.
    DefaultSlot,
}

/// A login whose key was written or printed.
pub struct WrittenKeys {
    /// `type base64 comment`.
    pub certificate: String,
    /// Verified at the login.
    pub identity: Claims,
    pub client_id: String,
    /// What to tell the person.
    pub notes: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("{}", .0.message)]
    Login(Failure),
    #[error("the key cannot be encoded: {0}")]
    Encode(String),
    #[error("the key cannot be printed: {0}")]
    Print(io::Error),
    #[error("the login cannot run: {0}")]
    Runtime(io::Error),
    #[error("no default ssh key file free for openpubkey")]
    NoFreeSlot,
    #[error("{path}: {error}")]
    File { path: PathBuf, error: io::Error },
}

impl KeyFileError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Login(failure) => failure.hint.clone(),
            Self::NoFreeSlot => {
                Some("name a file: opkssh login -i FILE, or use the agent: opkssh login".to_owned())
            }
            _ => None,
        }
    }
}

/// Logs in without a daemon; an answer of the browser can be brought to `awaited`. `show` gets the
/// events that a daemon would send, `out` the key where it shall be printed.
///
/// A refresh token that the provider gives although none was asked for is dropped, not revoked,
/// also where the login is refused: that could end the access token in the certificate, or the
/// agent's login of the same grant, of which this process does not know.
pub fn login_to_files(
    request: &LoginRequest,
    target: &KeyTarget,
    places: &Places,
    awaited: &Awaited,
    out: &mut dyn Write,
    show: &mut dyn FnMut(Event),
) -> Result<WrittenKeys, KeyFileError> {
    let request = &without_offline_access(request);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(KeyFileError::Runtime)?;
    runtime.block_on(async {
        let (events, mut shown) = mpsc::unbounded_channel();
        let surroundings = Arc::new(Surroundings::of_process(false));
        let clock = Clock::system();
        let login = Login {
            surroundings: &surroundings,
            request,
            awaited,
            tell: &|event| {
                let _ = events.send(event);
            },
            clock: &clock,
            may_revoke: &|_, _| false,
        };
        let login = login.run();
        tokio::pin!(login);
        let logged_in = loop {
            tokio::select! {
                biased;
                Some(event) = shown.recv() => show(event),
                result = &mut login => break result,
            }
        };
        let logged_in = logged_in.map_err(KeyFileError::Login)?;
        let result = keep(request, target, places, out, &logged_in);
        // this runtime ends here, so the page has to leave first
        match (logged_in.browser, &result) {
            (Some(browser), Ok(keys)) => {
                let who = keys.identity.email().unwrap_or(keys.identity.sub());
                browser.answer(Page::logged_in(who)).await;
            }
            (Some(browser), Err(error)) => {
                browser.answer(Page::failed(&error.to_string(), None)).await;
            }
            (None, _) => {}
        }
        result
    })
}

/// Nothing renews key files, so no refresh token is asked for.
fn without_offline_access(request: &LoginRequest) -> LoginRequest {
    let mut request = request.clone();
    for provider in &mut request.providers {
        provider.scopes.retain(|scope| scope != "offline_access");
        if provider.access_type == "offline" {
            provider.access_type.clear();
        }
    }
    request
}

fn keep(
    request: &LoginRequest,
    target: &KeyTarget,
    places: &Places,
    out: &mut dyn Write,
    logged_in: &LoggedIn,
) -> Result<WrittenKeys, KeyFileError> {
    let LoggedIn {
        client,
        key,
        pk_token,
        access_token,
        ..
    } = logged_in;
    let provider = &client.provider;
    let send = request
        .send_access_token
        .unwrap_or(provider.send_access_token);
    let certificate = mint(
        key,
        pk_token,
        send.then_some(access_token),
        &request.principals,
        Clock::system().now(),
    )
    .map_err(|error| KeyFileError::Encode(error.to_string()))?
    .openssh();
    let private_key = key
        .to_openssh_pem("openpubkey cert")
        .map_err(|error| KeyFileError::Encode(error.to_string()))?;
    let identity = pk_token.unverified_claims().clone();
    let (path, certificate) = match target {
        KeyTarget::Print => {
            writeln!(out, "{certificate}\n{}", private_key.expose())
                .and_then(|()| out.flush())
                .map_err(KeyFileError::Print)?;
            (None, certificate)
        }
        KeyTarget::File(path) => (Some(path.clone()), format!("{certificate} openpubkey")),
        KeyTarget::DefaultSlot => (
            Some(free_slot(places, request.key_type)?),
            format!("{certificate} openpubkey"),
        ),
        // Go writes two blanks in front of this comment; readers see one
        KeyTarget::IdentityDirectory => (
            Some(named_file(places, &identity)?),
            format!(
                "{certificate}  openpubkey: {} {}",
                identity.iss(),
                audience(&identity)
            ),
        ),
    };
    let notes = match path {
        None => Vec::new(),
        Some(path) => {
            // other users may read a certificate, and no access token
            let mode = if send { 0o600 } else { 0o644 };
            vec![write(&path, &private_key, &certificate, mode)?]
        }
    };
    Ok(WrittenKeys {
        certificate,
        identity,
        client_id: provider.client_id.clone(),
        notes,
    })
}

/// The first of ssh's default names that is free, or that holds an earlier login of ours.
fn free_slot(places: &Places, kind: KeyType) -> Result<PathBuf, KeyFileError> {
    let directory = places.ssh_dir();
    private_directory(&directory)?;
    let names = match kind {
        KeyType::Ecdsa => ["id_ecdsa", "id_ecdsa_sk"],
        KeyType::Ed25519 => ["id_ed25519", "id_ed25519_sk"],
    };
    names
        .map(|name| directory.join(name))
        .into_iter()
        .find(|path| is_free(path))
        .ok_or(KeyFileError::NoFreeSlot)
}

/// Free: nothing there at all, or a pair whose certificate says that a login wrote it. (Go also
/// takes a name where only somebody else's certificate is, and overwrites that.)
fn is_free(key: &Path) -> bool {
    let certificate = beside(key);
    match (
        key.symlink_metadata().is_ok(),
        fs::read_to_string(&certificate),
    ) {
        (false, Err(error)) => error.kind() == io::ErrorKind::NotFound,
        (_, Ok(line)) => {
            let comment = line.trim().splitn(3, ' ').nth(2);
            comment == Some("openpubkey") && UnverifiedCertificate::parse_openssh(&line).is_ok()
        }
        (true, Err(_)) => false,
    }
}

/// The file below `~/.ssh/opkssh`, entered into the `config` that ssh includes.
fn named_file(places: &Places, claims: &Claims) -> Result<PathBuf, KeyFileError> {
    let directory = places.ssh_dir().join("opkssh");
    let path = directory.join(file_name(claims.iss(), &audience(claims)));
    let config = directory.join("config");
    let text = fs::read_to_string(&config).map_err(|error| KeyFileError::File {
        path: config.clone(),
        error,
    })?;
    let line = format!("IdentityFile {}", path.display());
    if !text.lines().any(|known| known.trim() == line) {
        replace(&config, format!("{line}\n{text}").as_bytes(), 0o600)?;
    }
    Ok(path)
}

/// Issuer without its scheme and the first 20 bytes of the audience, as Go names the file.
fn file_name(issuer: &str, audience: &str) -> String {
    let mut audience = audience.to_owned();
    while audience.len() > 20 {
        audience.pop();
    }
    let name = format!("{}-{audience}", issuer.trim_start_matches("https://"));
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || "_.-".contains(c) {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
    }
    out
}

fn audience(claims: &Claims) -> String {
    claims.single_audience().unwrap_or("unknown").to_owned()
}

/// Writes both files, the certificate with this mode, and returns what to say about it.
fn write(
    path: &Path,
    private_key: &Secret,
    certificate: &str,
    certificate_mode: u32,
) -> Result<String, KeyFileError> {
    let beside = beside(path);
    replace(path, private_key.expose().as_bytes(), 0o600)?;
    replace(&beside, certificate.as_bytes(), certificate_mode)?;
    Ok(format!(
        "Writing opk ssh public key to {} and corresponding secret key to {}",
        beside.display(),
        path.display()
    ))
}

fn beside(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push("-cert.pub");
    PathBuf::from(name)
}

/// Replaces a file in one step, with its final mode from the start.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), KeyFileError> {
    let written = Writer::less_umask(mode).replace(path, bytes);
    written.map_err(|error| KeyFileError::File {
        path: path.to_owned(),
        error,
    })
}

fn private_directory(path: &Path) -> Result<(), KeyFileError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| KeyFileError::File {
            path: path.to_owned(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_as_go_names_them() {
        for (issuer, audience, name) in [
            (
                "https://accounts.google.com",
                "206584157355-7cbe4s640tvm7naoludob4ut1emii7sf.apps.googleusercontent.com",
                "accounts.google.com-206584157355-7cbe4s6",
            ),
            ("https://localhost:18443", "cid", "localhost_18443-cid"),
            ("https://a.b/c//d", "x y", "a.b_c_d-x_y"),
        ] {
            assert_eq!(file_name(issuer, audience), name);
        }
    }

    #[test]
    fn a_name_with_somebody_elses_key_or_certificate_is_not_free() {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("id_ecdsa");
        assert!(is_free(&key));
        fs::write(&key, "a key").unwrap();
        assert!(!is_free(&key));
        fs::write(beside(&key), "ssh-rsa AAAA openpubkey").unwrap();
        assert!(!is_free(&key));
        fs::remove_file(&key).unwrap();
        assert!(
            !is_free(&key),
            "a certificate without its key is somebody's"
        );
    }
}
