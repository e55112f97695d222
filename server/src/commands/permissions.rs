//! `opkssh permissions check|fix|install`: modes and owners of the server's files.

use std::ffi::OsString;
use std::io::{BufRead, Write};
use std::path::Path;

use serde::Serialize;

use super::output::{json, say};
use crate::admin_error::AdminError;
use crate::etc;
use crate::permissions::{self, Plan, ServerPaths};
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
        return json(out, &findings);
    }
    for finding in &findings {
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
    let mut count = 0;
    for finding in &findings {
        if let Some(problem) = finding.problem_text() {
            count += 1;
            say(
                out,
                &format!("Problem: {}: {problem}", finding.path.display()),
            )?;
        }
    }
    match count {
        0 => Ok(()),
        _ => Err(
            AdminError::new(format!("permissions check failed: {count} problems found")).hinting(
                match args.paths.etc.exists() {
                    true => run_fix(&args.paths),
                    false if args.paths.etc == Path::new(etc::DIRECTORY) => etc::NOT_SET_UP.into(),
                    false => "name an existing directory with --etc".to_owned(),
                },
            ),
        ),
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
        if !args.yes {
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
        _ => Err(AdminError::new(format!(
            "fix completed with {failed} errors"
        ))),
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
