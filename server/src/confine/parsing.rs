//! Confines verify while it parses client data: it can read what requests to providers need, write
//! to the key cache and connect, and nothing else. It can execute nothing and gain no privileges.

use std::path::{Path, PathBuf};

use rustix::process::{Resource, Rlimit};

#[cfg(target_os = "linux")]
use super::{TIMEOUT, run_with_timeout};

/// Files of resolver, TLS library and C library on known systems.
#[cfg(target_os = "linux")]
const LIBRARIES: [&str; 10] = [
    "/etc",
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/run",
    "/nix",
    "/gnu",
    "/dev",
    "/var/lib/ca-certificates",
];
/// Those that may be symlinks: `resolv.conf` can point anywhere.
#[cfg(target_os = "linux")]
const LINKS: [&str; 9] = [
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/certs/ca-certificates.crt",
];
/// Limits of address space in bytes, processor time in seconds, and open files, against a runaway
/// parser.
const LIMITS: [(Resource, u64); 3] = [
    (Resource::As, 2 << 30),
    (Resource::Cpu, 30),
    (Resource::Nofile, 128),
];

/// Confines the calling thread and threads that it starts, permanently: it can read `readable` and
/// the libraries' files, and write below `cache`. Open files stay open. Best effort; returns the
/// failures.
///
/// Existing threads are not affected, so there should be none.
pub fn confine_parsing(readable: &[PathBuf], cache: Option<&Path>) -> Vec<String> {
    let not_limited = |(resource, most)| {
        let error = limit(resource, most).err()?;
        Some(format!("parsing has no limit of {resource:?}: {error}"))
    };
    let mut problems: Vec<String> = LIMITS.into_iter().filter_map(not_limited).collect();
    problems.extend(set_no_new_privileges().err());
    problems.extend(restrict(readable, cache).err());
    problems
}

/// Sets a limit, never above the present one.
fn limit(resource: Resource, most: u64) -> rustix::io::Result<()> {
    let before = rustix::process::getrlimit(resource);
    let least = |limit: Option<u64>| Some(limit.map_or(most, |limit| limit.min(most)));
    let limits = Rlimit {
        current: least(before.current),
        maximum: least(before.maximum),
    };
    rustix::process::setrlimit(resource, limits)
}

/// Disables sudo and the like, with or without Landlock.
#[cfg(target_os = "linux")]
fn set_no_new_privileges() -> Result<(), String> {
    rustix::thread::set_no_new_privs(true)
        .map_err(|error| format!("parsing could gain privileges: {error}"))
}

#[cfg(not(target_os = "linux"))]
fn set_no_new_privileges() -> Result<(), String> {
    Ok(())
}

/// Applies Landlock. Silently omits what older kernels lack (truncation before 6.2, ports before
/// 6.7, signals and abstract sockets before 6.12).
#[cfg(target_os = "linux")]
fn restrict(readable: &[PathBuf], cache: Option<&Path>) -> Result<(), String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr,
        RulesetCreated, RulesetCreatedAttr, RulesetError, Scope, path_beneath_rules,
    };
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let caching = AccessFs::from_all(ABI::V3) & !AccessFs::Execute;
    let links = LINKS.iter().map(Path::new).filter(|path| path.is_symlink());
    let own = LIBRARIES.iter().map(Path::new).chain(links);
    let own: Vec<PathBuf> = own.map(Path::to_owned).collect();
    let (readable, cache) = (readable.to_owned(), cache.map(Path::to_owned));
    let is_local = readable.is_empty();
    let rules = move || -> Result<RulesetCreated, RulesetError> {
        Ruleset::default()
            .set_compatibility(CompatLevel::HardRequirement)
            .handle_access(AccessFs::from_all(ABI::V1))?
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI::V5))?
            .handle_access(AccessNet::BindTcp)?
            .scope(Scope::from_all(ABI::V6))?
            .create()?
            .add_rules(path_beneath_rules(own, reading))?
            .add_rules(path_beneath_rules(readable, reading))?
            .add_rules(path_beneath_rules(cache, caching))
    };
    let late = || "parsing is not confined: a file system did not answer".to_owned();
    let restricted = match is_local {
        true => rules(),
        // readable on any file system that the admin chose
        false => run_with_timeout(TIMEOUT, rules).ok_or_else(late)?,
    };
    // applies to the thread that calls it, not to the one that created the ruleset
    let restricted = restricted.and_then(|rules| rules.restrict_self());
    restricted.map(|_| ()).map_err(|error| {
        format!("parsing is not confined: {error} (Landlock: Linux 5.13 or newer, and turned on)")
    })
}

#[cfg(not(target_os = "linux"))]
fn restrict(_: &[PathBuf], _: Option<&Path>) -> Result<(), String> {
    Err("parsing is not confined: this system has no Landlock".to_owned())
}

#[cfg(test)]
mod tests;
