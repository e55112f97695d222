//! `opkssh permissions check|fix|install`: modes and owners of the server's files.

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::Path;

use serde::Serialize;

use super::output::{json, say};
use crate::account;
use crate::admin_error::AdminError;
use crate::etc;
use crate::permissions::{self, Finding, Plan, ServerPaths};
use crate::table;

/// Check and fix the modes and owners of the server's files.
#[derive(Debug, Clone, clap::Args)]
pub struct PermissionsArgs {
    #[command(subcommand)]
    pub command: Option<PermissionsCommand>,
}

#[derive(Debug, Clone, clap::Subcommand)]
pub enum PermissionsCommand {
    /// Check modes and owners
    Check(CheckArgs),
    /// Set modes and owners (as root)
    Fix(FixArgs),
    /// Set modes and owners without asking, for installers
    Install(InstallArgs),
    #[command(external_subcommand)]
    Unknown(Vec<OsString>),
}

#[derive(Debug, Clone, clap::Args)]
pub struct CheckArgs {
    /// Output in JSON
    #[arg(short, long)]
    pub json: bool,
    #[command(flatten)]
    pub paths: ServerPaths,
    #[command(flatten)]
    pub ignored: IgnoredWords,
}

#[derive(Debug, Clone, clap::Args)]
pub struct FixArgs {
    /// Change nothing, print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Output in JSON
    #[arg(short, long)]
    pub json: bool,
    /// Print each step when it is done
    #[arg(short, long)]
    pub verbose: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    #[command(flatten)]
    pub paths: ServerPaths,
    #[command(flatten)]
    pub ignored: IgnoredWords,
}

#[derive(Debug, Clone, clap::Args)]
pub struct InstallArgs {
    /// Change nothing, print what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Print each step when it is done
    #[arg(short, long)]
    pub verbose: bool,
    #[command(flatten)]
    pub paths: ServerPaths,
    #[command(flatten)]
    pub ignored: IgnoredWords,
}

// as in Go, further words are ignored
#[derive(Debug, Clone, clap::Args)]
pub struct IgnoredWords {
    #[arg(hide = true, value_name = "WORD")]
    ignored: Vec<OsString>,
}

/// Runs the subcommand, with prompts on `out` and answers from `input`. Returns `None` without a
/// subcommand, so that the caller shows the help.
pub fn permissions_command(
    args: &PermissionsArgs,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Option<Result<(), AdminError>> {
    Some(match args.command.as_ref()? {
        PermissionsCommand::Check(args) => check(args, out),
        PermissionsCommand::Fix(args) => fix(args, input, out),
        PermissionsCommand::Install(args) => {
            let args = FixArgs {
                dry_run: args.dry_run,
                json: false,
                verbose: args.verbose,
                yes: true,
                paths: args.paths.clone(),
                ignored: args.ignored.clone(),
            };
            fix(&args, input, out)
        }
        PermissionsCommand::Unknown(_) => return None,
    })
}

fn check(args: &CheckArgs, out: &mut impl Write) -> Result<(), AdminError> {
    if let Err(error) = args.paths.etc.read_dir()
        && etc::is_for_root(&error)
    {
        let path = args.paths.etc.display();
        return Err(
            AdminError::new(format!("cannot look into {path}: {error}")).hinting(etc::as_root())
        );
    }
    let findings = permissions::check(&args.paths);
    if args.json {
        json(out, &findings)?;
    } else {
        write_text(&findings, out)?;
    }
    let problems = findings.iter().filter(|one| one.problem_text().is_some());
    match problems.count() {
        0 => Ok(()),
        count => Err(
            AdminError::new(format!("permissions check failed: {count} problems found"))
                .hinting(cannot_fix(&args.paths).unwrap_or_else(|| run_fix(&args.paths))),
        ),
    }
}

fn write_text(findings: &[Finding], out: &mut impl Write) -> Result<(), AdminError> {
    for finding in findings {
        if let Some(file) = &finding.described {
            let path = finding.path.display();
            say(
                out,
                &format!("{path}: owner={} mode={:o}", file.owner, file.mode),
            )?;
            for remark in &file.remarks {
                say(out, &format!("  ACL problem: {remark}"))?;
            }
        }
    }
    for finding in findings {
        if let Some(problem) = finding.problem_text() {
            say(
                out,
                &format!("Problem: {}: {problem}", finding.path.display()),
            )?;
        }
    }
    Ok(())
}

/// Returns the next command where `fix` can change nothing: the directory or the group is missing.
fn cannot_fix(paths: &ServerPaths) -> Option<String> {
    let is_usual = (
        paths.etc == Path::new(etc::DIRECTORY),
        paths.group == etc::ACCOUNT,
    );
    let has_group = account::find_group(&paths.group).is_some();
    match (paths.etc.exists(), has_group, is_usual) {
        (true, true, _) => None,
        (false, _, (true, _)) | (true, false, (_, true)) => Some(etc::NOT_SET_UP.to_owned()),
        (false, ..) => Some("name an existing directory with --etc".to_owned()),
        (true, false, _) => Some("name an existing group with --group".to_owned()),
    }
}

/// Returns the hint to correct these files.
fn run_fix(paths: &ServerPaths) -> String {
    let mut more = etc::option(&paths.etc);
    if paths.group != etc::ACCOUNT {
        more += &format!(" --group {}", table::quote(&paths.group));
    }
    if paths.cache != Path::new(etc::CACHE) {
        more += &format!(" --cache {}", table::quote(&paths.cache.to_string_lossy()));
    }
    format!("run: sudo opkssh permissions fix{more}")
}

#[derive(Serialize)]
struct Report {
    planned: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(rename = "dryRun")]
    dry_run: bool,
}

fn fix(args: &FixArgs, input: &mut impl BufRead, out: &mut impl Write) -> Result<(), AdminError> {
    if !args.dry_run && !rustix::process::geteuid().is_root() {
        let reason = "fix requires elevated privileges (run as root or Administrator)";
        return Err(AdminError::new(reason).hinting(etc::as_root()));
    }
    let Plan {
        actions,
        mut errors,
    } = permissions::plan(&args.paths);
    let planned: Vec<String> = actions.iter().map(ToString::to_string).collect();
    if !args.dry_run {
        if !args.yes && (!actions.is_empty() || errors.is_empty()) {
            say(out, "Planned actions:")?;
            for step in &planned {
                say(out, &format!("  - {step}"))?;
            }
            confirm(args, input, out)?;
        }
        for action in &actions {
            match permissions::apply(action) {
                Ok(()) if args.verbose && !args.json => say(out, &format!("Action: {action}"))?,
                Ok(()) => {}
                Err(error) => errors.push(error),
            }
        }
    }
    let failed = errors.len();
    if args.json {
        let report = Report {
            planned,
            errors,
            dry_run: args.dry_run,
        };
        json(out, &report)?;
    } else {
        for step in planned.iter().filter(|_| args.dry_run) {
            say(out, &format!("Action: {step}"))?;
        }
        for error in errors {
            say(out, &format!("Error: {error}"))?;
        }
        match (args.dry_run, failed) {
            (true, _) => say(out, "dry-run complete")?,
            (false, 0) => say(out, "fix completed successfully")?,
            (false, _) => {}
        }
    }
    match failed {
        0 => Ok(()),
        _ => Err(
            AdminError::new(format!("fix completed with {failed} errors"))
                .with_hint(cannot_fix(&args.paths)),
        ),
    }
}

fn confirm(
    args: &FixArgs,
    input: &mut impl BufRead,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    write!(out, "Apply these changes? [y/N]: ")
        .and_then(|()| out.flush())
        .map_err(AdminError::output)?;
    let mut answer = String::new();
    if input.read_line(&mut answer).unwrap_or(0) == 0 {
        return Err(AdminError::new("EOF").hinting(format!("{} -y", run_fix(&args.paths))));
    }
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(AdminError::new("aborted by user")),
    }
}
