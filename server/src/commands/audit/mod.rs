//! `opkssh audit`: finds mistakes in the server's files, with Go's checks of rows and additional
//! ones.

mod beyond;
mod providers;
mod replay;
mod report;
mod revocations;
mod rows;
mod setup;
mod sshd_config;

use std::borrow::Cow;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::ServerDirs;
use super::output::{json, no_answer, note};
use crate::account;
use crate::admin_error::AdminError;
use crate::etc::{self, AUTH_ID, PLUGINS, PROVIDERS};
use crate::files::FileError;
use crate::home;
use crate::key_source;
use crate::plugin;
use beyond::Findings;
pub(super) use report::Status;
use report::{FileState, Kind, PolicyFile, Report};
pub(super) use rows::{AuditContext, check_row};

const SSHD_CONFIG: &str = "/etc/ssh/sshd_config";

/// Check the server's files. Exit status 0: no findings, 1: findings.
#[derive(Debug, Clone, clap::Args)]
pub struct AuditArgs {
    #[command(flatten)]
    pub dirs: ServerDirs,
    /// Print JSON
    #[arg(short, long)]
    pub json: bool,
    /// Policy file, in place of auth_id in that directory
    #[arg(long, value_name = "FILE")]
    pub policy_file: Option<PathBuf>,
    /// Providers file, in place of providers in that directory
    #[arg(long, value_name = "FILE")]
    pub providers_file: Option<PathBuf>,
    /// Leave out the files in users' homes
    #[arg(long)]
    pub skip_user_policy: bool,
    /// Do not ask the providers whether they can be reached
    #[arg(long)]
    pub offline: bool,
    /// Instead, show whose verdict in this log of verify would be another one by the present
    /// files. Exit status 3 if they or the log cannot be read
    #[arg(long, value_name = "LOG", conflicts_with_all = ["policy_file", "providers_file"])]
    pub replay: Option<PathBuf>,
    /// sshd's configuration, for options that it would not honour
    #[arg(long, value_name = "FILE", default_value = SSHD_CONFIG)]
    pub sshd_config: PathBuf,
}

/// Writes the report to `out`. Fails if there is anything to report.
pub fn audit_command(args: &AuditArgs, out: &mut impl Write) -> Result<(), AdminError> {
    if let Some(log) = &args.replay {
        return replay::replay(args, log, out);
    }
    let report = audit(args).map_err(|error| no_answer(error, args.json, out))?;
    match args.json {
        true => json(out, &report)?,
        false => report.write_text(out).map_err(AdminError::output)?,
    }
    match report.ok {
        true => Ok(()),
        false => Err(report.failure()),
    }
}

fn audit(args: &AuditArgs) -> Result<Report, AdminError> {
    let in_etc = |given: &Option<PathBuf>, entry: &etc::FileEntry| {
        given
            .clone()
            .unwrap_or_else(|| entry.path_in(&args.dirs.etc))
    };
    let path = in_etc(&args.providers_file, &PROVIDERS);
    let providers_path = path.display().to_string();
    let mut findings = Findings(Vec::new());
    let (providers, providers_error) = findings.providers(&path)?;
    let issuers: Vec<String> = providers.issuers().map(str::to_owned).collect();
    let config = findings.config(&args.dirs.etc);
    let revoked = findings.loaded(etc::load_revoked(&args.dirs.etc), &args.dirs.etc);
    revocations::check(&mut findings, &revoked, &providers, &args.dirs.etc);
    let rules = findings.rules(args, &providers, &config);
    let plugins = plugin::load(&PLUGINS.path_in(&args.dirs.etc));
    findings.plugins(&plugins, &args.dirs.etc);
    let settings = findings.settings(&args.dirs.etc);
    findings.client_address(args, &rules, &settings);
    if let Err(reason) = findings.sshd(args) {
        note(&format!("settings of sshd are not checked: {reason}"));
    }
    let runs_others = settings.runs_others(&plugins);
    let cache = key_source::find_cache(args.dirs.cache.as_deref(), runs_others);
    // the usual cache is not that of other files
    let is_here = args.dirs.etc == Path::new(etc::DIRECTORY);
    if args.dirs.cache.is_some() || is_here {
        note("");
        note(&format!("key cache: {}", cache.display()));
        findings.cache(&cache, runs_others);
    }
    findings.reachability(&args.dirs.etc, &cache);
    if !args.offline {
        findings.check_providers(&providers, &config, &settings);
    }

    let against = |owner: Option<_>| AuditContext {
        issuers: Some(&issuers),
        providers_path: &providers_path,
        deny: &config.deny,
        owner,
    };
    let policy = in_etc(&args.policy_file, &AUTH_ID);
    validating(&policy);
    let system = policy_file(
        &policy,
        AUTH_ID.read(&policy).as_deref(),
        || AUTH_ID.read_distrusted(&policy),
        &against(None),
        &mut findings,
    );
    let mut homes = Vec::new();
    let all = match args.skip_user_policy {
        true => Vec::new(),
        false => home::read_all(),
    };
    for (account, read) in &all {
        let path = home::path_of(account);
        validating(&path);
        let against = against(Some(&account.name));
        let read = read.as_deref();
        let distrusted = || home::read_distrusted(account);
        homes.push(policy_file(
            &path,
            read,
            distrusted,
            &against,
            &mut findings,
        ));
    }
    let mut report = Report {
        ok: false,
        username: account::name_of(rustix::process::geteuid().as_raw()),
        providers_file: FileState {
            file_path: providers_path.clone(),
            error: providers_error,
        },
        system_policy: system,
        home_policy: (!homes.is_empty()).then_some(homes),
        opk_version: env!("CARGO_PKG_VERSION"),
        openssh_version: openssh_version(),
        os_info: os_info(),
        findings: findings.0,
    };
    report.set_ok();
    Ok(report)
}

/// Checks the rows of a file, also if it is not trusted: `distrusted` reads such a file.
fn policy_file(
    path: &Path,
    read: Result<&[u8], &FileError>,
    distrusted: impl FnOnce() -> Result<Vec<u8>, FileError>,
    against: &AuditContext<'_>,
    findings: &mut Findings,
) -> PolicyFile {
    let mut file = PolicyFile {
        file_path: path.display().to_string(),
        ..PolicyFile::default()
    };
    let bytes = match read {
        Ok(bytes) => Some(Cow::from(bytes)),
        Err(error) => {
            let hint = match against.owner {
                None => etc::admin_hint(error, AUTH_ID.mode),
                Some(account) => home::hint_for(error, account),
            };
            findings.error(
                Kind::FileUnusable,
                path.display(),
                error,
                &hint.unwrap_or_default(),
            );
            match error {
                FileError::Mode { .. } | FileError::Owner { .. } | FileError::Symlink(_) => {
                    note(&format!("  ACL issue: {error}"));
                    file.perms_error = error.to_string();
                }
                _ => {
                    note(&format!("  {error}"));
                    file.error = error.to_string();
                }
            }
            let bytes = error.is_distrust().then(distrusted);
            bytes.and_then(Result::ok).map(Cow::from)
        }
    };
    if let Some(bytes) = bytes {
        file.rows = rows::audit(&bytes, &file.file_path, against);
        if file.rows.is_empty() {
            note("no policy entries to validate");
        }
    }
    file
}

fn validating(path: &Path) {
    note("");
    note(&format!("validating {}...", path.display()));
}

fn openssh_version() -> String {
    let said = Command::new("/usr/bin/ssh").arg("-V").output();
    let text = said.map(|said| String::from_utf8_lossy(&said.stderr).into_owned());
    let text = text.unwrap_or_default();
    // without the suffix of the portable release, such as p1
    let number = text.strip_prefix("OpenSSH_").unwrap_or_default();
    let end = number.find(|c: char| !(c.is_ascii_digit() || c == '.'));
    format!("OpenSSH_{}", &number[..end.unwrap_or(number.len())])
}

fn os_info() -> String {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let id = release.lines().find_map(|line| line.strip_prefix("ID="));
    id.unwrap_or_default().trim_matches('"').to_owned()
}
