//! Finds wrong modes and owners.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::Stat;
use serde::Serialize;

use super::{
    PROGRAM_MODES, ServerPaths, cache_problem, mode, obstacles_of_verify, open_to_others, stat,
};
use crate::account;
use crate::etc::{Absence, FileEntry, PLUGIN, PLUGINS, POLICY_FILES, plugin_files};
use crate::plugin;

/// One path and its problem, if any. In JSON as in Go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub path: PathBuf,
    pub exists: bool,
    /// A required file without a text here is missing.
    #[serde(rename = "permsErr", skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Owner and mode, if the text output shows them.
    #[serde(skip)]
    pub described: Option<Description>,
}

/// Kind of file, as in the text output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub owner: String,
    pub mode: u32,
    pub remarks: Vec<String>,
}

impl Finding {
    /// Returns the problem as text, if there is one.
    pub fn problem_text(&self) -> Option<&str> {
        match &self.problem {
            Some(problem) => Some(problem),
            None if !self.exists => Some("file does not exist"),
            None => None,
        }
    }
}

/// Checks every file of the server in Go's order, then what Go does not check: plugin files and
/// programs, and the directory itself.
pub fn check(paths: &ServerPaths) -> Vec<Finding> {
    let etc = &paths.etc;
    let mut findings = Vec::new();
    for entry in POLICY_FILES {
        let found = file(entry, &entry.path_in(etc), &paths.group);
        let is_there = found.exists || found.problem.is_some();
        if is_there || entry.absence != Absence::Accepted {
            findings.push(found);
        }
    }
    let plugins = PLUGINS.path_in(etc);
    findings.push(plugin_directory(&plugins));
    let more = match plugin_files(&plugins) {
        Ok(files) => files
            .iter()
            .flat_map(|path| plugin_file(path, &paths.group))
            .collect(),
        Err(error) => vec![wrong(&plugins, error)],
    };
    findings.extend(more.into_iter().chain(directory(etc)));
    for obstacle in obstacles_of_verify(paths) {
        let is_known = |found: &&Finding| found.path == obstacle.path && found.problem.is_some();
        if findings.iter().find(is_known).is_none() {
            let problem = obstacle.describe(&paths.group);
            findings.retain(|found| found.path != obstacle.path);
            findings.push(finding(&obstacle.path, true, Some(problem)));
        }
    }
    if let Some(problem) = cache_problem(paths) {
        // Go has no cache
        findings.push(finding(&paths.cache, true, Some(problem)));
    }
    findings
}

fn file(entry: &FileEntry, path: &Path, group: &str) -> Finding {
    let stat = match stat(path) {
        Ok(Some(stat)) => stat,
        Ok(None) => return finding(path, false, None),
        Err(error) => return wrong(path, error),
    };
    let owner = account::name_of(stat.st_uid);
    let mut remarks = Vec::new();
    if !entry.accepted_modes.contains(&mode(&stat)) {
        let got = mode(&stat);
        remarks.push(format!("expected mode {:o}, got {got:o}", entry.mode));
    }
    remarks.extend(owner_problem(&stat));
    let problem = owner_problem(&stat)
        .or_else(|| group_problem(&stat, group))
        .or_else(|| mode_problem(&stat, entry.accepted_modes));
    Finding {
        described: Some(Description {
            owner,
            mode: mode(&stat),
            remarks,
        }),
        ..finding(path, true, problem)
    }
}

fn plugin_directory(path: &Path) -> Finding {
    match stat(path) {
        Ok(Some(stat)) => {
            let problem =
                owner_problem(&stat).or_else(|| mode_problem(&stat, PLUGINS.accepted_modes));
            finding(path, true, problem)
        }
        Ok(None) => {
            let problem = format!("stat {}: no such file or directory", path.display());
            finding(path, false, Some(problem))
        }
        Err(error) => wrong(path, error),
    }
}

/// Checks a plugin's file and its program.
fn plugin_file(path: &Path, group: &str) -> Vec<Finding> {
    let stat = match stat(path) {
        Ok(Some(stat)) => stat,
        Ok(None) => return vec![finding(path, true, Some("dangling symlink".into()))],
        Err(error) => return vec![wrong(path, error)],
    };
    let problem = owner_problem(&stat)
        .or_else(|| group_problem(&stat, group))
        .or_else(|| mode_problem(&stat, PLUGIN.accepted_modes));
    if problem.is_some() {
        return vec![finding(path, true, problem)];
    }
    let command = std::fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|bytes| plugin::Description::parse(&bytes));
    match command {
        Err(error) => vec![finding(path, true, Some(error))],
        Ok(description) => Vec::from_iter(program(Path::new(&description.program))),
    }
}

fn program(path: &Path) -> Option<Finding> {
    match stat(path) {
        Ok(Some(stat)) => owner_problem(&stat)
            .or_else(|| mode_problem(&stat, &PROGRAM_MODES))
            .map(|problem| finding(path, true, Some(problem))),
        Ok(None) => Some(finding(path, false, None)),
        Err(error) => Some(wrong(path, error)),
    }
}

/// Checks the directory: write access to it allows adding files.
fn directory(etc: &Path) -> Option<Finding> {
    let stat = stat(etc).ok().flatten()?;
    open_to_others(&stat).then(|| {
        let problem = owner_problem(&stat)
            .unwrap_or_else(|| format!("writable by others than root (mode {:o})", mode(&stat)));
        finding(etc, true, Some(problem))
    })
}

fn owner_problem(stat: &Stat) -> Option<String> {
    (stat.st_uid != 0).then(|| {
        let owner = account::name_of(stat.st_uid);
        format!("expected owner (root), got ({owner})")
    })
}

fn group_problem(stat: &Stat, group: &str) -> Option<String> {
    (account::find_group(group) != Some(stat.st_gid)).then(|| {
        let got = account::group_name_of(stat.st_gid);
        format!("expected group ({group}), got ({got})")
    })
}

fn mode_problem(stat: &Stat, allowed: &[u32]) -> Option<String> {
    let got = mode(stat);
    (!allowed.contains(&got)).then(|| {
        let allowed: Vec<String> = allowed.iter().map(|mode| format!("{mode:o}")).collect();
        format!(
            "expected one of the following permissions [{}], got ({got:o})",
            allowed.join(", ")
        )
    })
}

fn finding(path: &Path, exists: bool, problem: Option<String>) -> Finding {
    Finding {
        path: path.to_owned(),
        exists,
        problem,
        described: None,
    }
}

fn wrong(path: &Path, error: io::Error) -> Finding {
    finding(path, true, Some(error.to_string()))
}
