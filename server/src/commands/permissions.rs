//! `opkssh permissions check|fix|install`: modes and owners of the server's files.

use std::ffi::OsString;
use std::io::{BufRead, Write};

use opkssh_protocol::printable::{printable, printable_json};
use serde::Serialize;

use crate::admin_error::AdminError;
use crate::permissions::{self, Plan, ServerPaths};

const FIX: &str = "Run: sudo opkssh permissions fix";

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
    let findings = permissions::check(&args.paths);
    if args.json {
        return json(&findings, out);
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
            AdminError::new(format!("permissions check failed: {count} problems found"))
                .hinting(FIX),
        ),
    }
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
        return Err(AdminError::new(reason).hinting(FIX));
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
            confirm(input, out)?;
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
        json(&report, out)?;
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

fn confirm(input: &mut impl BufRead, out: &mut impl Write) -> Result<(), AdminError> {
    write!(out, "Apply these changes? [y/N]: ")
        .and_then(|()| out.flush())
        .map_err(AdminError::output)?;
    let mut answer = String::new();
    if input.read_line(&mut answer).unwrap_or(0) == 0 {
        return Err(AdminError::new("EOF").hinting(format!("{FIX} -y")));
    }
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(AdminError::new("aborted by user")),
    }
}

fn json(value: &impl Serialize, out: &mut impl Write) -> Result<(), AdminError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| error.into());
    text.and_then(|text| writeln!(out, "{}", printable_json(&text)))
        .map_err(AdminError::output)
}

fn say(out: &mut impl Write, line: &str) -> Result<(), AdminError> {
    writeln!(out, "{}", printable(line)).map_err(AdminError::output)
}
