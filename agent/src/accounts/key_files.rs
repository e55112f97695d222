//! A login whose key goes into files or onto the screen, as Go opkssh does it: for scripts, CI and
//! programs that cannot ask an agent. No daemon takes part and nothing can be renewed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use opkssh_files::{Writer, create_private};
use opkssh_protocol::certificate::UnverifiedCertificate;
use opkssh_protocol::control::{Event, Failure, KeyType, LoginRequest};
use opkssh_protocol::id_token::Claims;
use opkssh_protocol::places::Places;
use tokio::sync::mpsc;

use super::clock::Clock;
use super::login::awaited::Awaited;
use super::login::{LoggedIn, LoginAttempt, Page};
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

impl KeyTarget {
    /// Fails if the key could not be written, before anybody goes to a browser for it.
    fn try_out(&self, places: &Places, kind: KeyType) -> Result<(), WriteKeysError> {
        let file = match self {
            Self::Print => return Ok(()),
            Self::File(file) if is_foreign(file) => {
                return Err(WriteKeysError::Foreign(file.clone()));
            }
            Self::File(file) => file.clone(),
            // a login makes the directory, an attempt that fails does not
            Self::DefaultSlot if !places.ssh_dir().exists() => places.ssh_dir(),
            Self::DefaultSlot => {
                make_ssh_dir(places)?;
                free_slot(places, kind)?
            }
            Self::IdentityDirectory => places.ssh_dir().join("opkssh/config"),
        };
        for file in [&file, &beside(&file)] {
            let written = Writer::private().try_out(file, 16 * 1024);
            written.map_err(failed(format!("cannot write {}", file.display())))?;
        }
        Ok(())
    }
}

/// A login whose key was written or printed.
pub struct WrittenKeys {
    /// `type base64 comment`.
    pub certificate: String,
    /// Verified at the login.
    pub identity: Claims,
    pub client_id: String,
    /// The private key; the certificate is beside it, `-cert.pub`.
    pub key_file: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum WriteKeysError {
    #[error("{}", .0.message)]
    Login(Failure),
    #[error("no default ssh key file free for openpubkey")]
    NoFreeSlot,
    #[error("{} holds something that opkssh did not write", .0.display())]
    Foreign(PathBuf),
    #[error("{what}: {error}")]
    Failed { what: String, error: io::Error },
}

impl WriteKeysError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Login(failure) => failure.hint.clone(),
            Self::NoFreeSlot => {
                Some("name a file: opkssh login -i FILE, or use the agent: opkssh login".to_owned())
            }
            Self::Foreign(file) => Some(format!(
                "name another file, or put this one aside: mv {0} {0}.old",
                file.display()
            )),
            Self::Failed { .. } => {
                Some("name a file that you can write: opkssh login -i FILE".to_owned())
            }
        }
    }
}

fn failed(what: impl ToString) -> impl FnOnce(io::Error) -> WriteKeysError {
    let what = what.to_string();
    |error| WriteKeysError::Failed { what, error }
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
) -> Result<WrittenKeys, WriteKeysError> {
    target.try_out(places, request.key_type)?;
    let request = &without_offline_access(request);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("the login cannot run"))?;
    runtime.block_on(async {
        let (events, mut shown) = mpsc::unbounded_channel();
        let surroundings = Arc::new(Surroundings::of_process(false));
        let clock = Clock::system();
        let login = LoginAttempt {
            surroundings: &surroundings,
            request,
            awaited,
            tell: &|event| {
                let _ = events.send(event);
            },
            clock: &clock,
            may_revoke: &|_, _| false,
        };
        let login = LoginAttempt::within(request, login.run());
        tokio::pin!(login);
        let logged_in = loop {
            tokio::select! {
                biased;
                Some(event) = shown.recv() => show(event),
                result = &mut login => break result,
            }
        };
        let logged_in = logged_in.flatten().map_err(WriteKeysError::Login)?;
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
) -> Result<WrittenKeys, WriteKeysError> {
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
    let access_token = send.then_some(access_token);
    let now = Clock::system().now();
    let certificate = mint(key, pk_token, access_token, &request.principals, now);
    let not_encoded = "the key cannot be encoded";
    let mut certificate = certificate
        .map_err(|error| failed(not_encoded)(io::Error::other(error)))?
        .openssh();
    let private_key = key
        .to_openssh_pem("openpubkey cert")
        .map_err(|error| failed(not_encoded)(io::Error::other(error)))?;
    let identity = pk_token.claims().clone();
    let (key_file, comment) = match target {
        KeyTarget::Print => (None, String::new()),
        KeyTarget::File(path) => (Some(path.clone()), " openpubkey".to_owned()),
        KeyTarget::DefaultSlot => {
            make_ssh_dir(places)?;
            let path = free_slot(places, request.key_type)?;
            (Some(path), " openpubkey".to_owned())
        }
        // Go writes two blanks in front of this comment; readers see one
        KeyTarget::IdentityDirectory => {
            let (issuer, audience) = (identity.iss(), audience(&identity));
            let path = named_file(places, &file_name(issuer, audience))?;
            (Some(path), format!("  openpubkey: {issuer} {audience}"))
        }
    };
    certificate += &comment;
    match &key_file {
        None => writeln!(out, "{certificate}\n{}", private_key.expose())
            .and_then(|()| out.flush())
            .map_err(failed("the key cannot be printed"))?,
        Some(path) => {
            replace(path, private_key.expose(), 0o600)?;
            // other users may read a certificate, and no access token
            let mode = if send { 0o600 } else { 0o644 };
            replace(&beside(path), &certificate, mode)?;
        }
    }
    Ok(WrittenKeys {
        certificate,
        identity,
        client_id: provider.client_id.clone(),
        key_file,
    })
}

fn make_ssh_dir(places: &Places) -> Result<(), WriteKeysError> {
    let directory = places.ssh_dir();
    create_private(&directory).map_err(failed(directory.display()))
}

/// Returns the first of ssh's default names that is free, or that holds an earlier login of ours.
fn free_slot(places: &Places, kind: KeyType) -> Result<PathBuf, WriteKeysError> {
    let directory = places.ssh_dir();
    let names = match kind {
        KeyType::Ecdsa => ["id_ecdsa", "id_ecdsa_sk"],
        KeyType::Ed25519 => ["id_ed25519", "id_ed25519_sk"],
    };
    let mut paths = names.iter().map(|name| directory.join(name));
    paths
        .find(|path| is_free(path))
        .ok_or(WriteKeysError::NoFreeSlot)
}

/// Free: nothing there at all, or a pair whose certificate says that a login wrote it. (Go also
/// takes a name where only somebody else's certificate is, and overwrites that.)
fn is_free(key: &Path) -> bool {
    match fs::read_to_string(beside(key)) {
        Ok(line) => {
            let comment = line.trim().splitn(3, ' ').nth(2);
            comment == Some("openpubkey") && UnverifiedCertificate::parse_openssh(&line).is_ok()
        }
        Err(error) => error.kind() == io::ErrorKind::NotFound && key.symlink_metadata().is_err(),
    }
}

/// Returns true if a key of somebody's would be lost there. (Go overwrites it.)
fn is_foreign(key: &Path) -> bool {
    let is_there = fs::metadata(key).is_ok_and(|found| found.is_file() && found.len() > 0);
    is_there && !is_free(key)
}

/// Returns the path below `~/.ssh/opkssh`, after entering it into the `config` that ssh includes.
fn named_file(places: &Places, name: &str) -> Result<PathBuf, WriteKeysError> {
    let directory = places.ssh_dir().join("opkssh");
    let path = directory.join(name);
    let config = directory.join("config");
    let text = fs::read_to_string(&config).map_err(failed(config.display()))?;
    let line = format!("IdentityFile {}", path.display());
    if !text.lines().any(|known| known.trim() == line) {
        replace(&config, &format!("{line}\n{text}"), 0o600)?;
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

fn audience(claims: &Claims) -> &str {
    claims.single_audience().unwrap_or("unknown")
}

fn beside(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push("-cert.pub");
    PathBuf::from(name)
}

/// Replaces a file in one step, with its final mode from the start.
fn replace(path: &Path, text: &str, mode: u32) -> Result<(), WriteKeysError> {
    let written = Writer::less_umask(mode).replace(path, text.as_bytes());
    written.map_err(failed(path.display()))
}

#[cfg(test)]
mod tests;
