//! The findings of an audit, in Go's two output formats.

use std::io::{self, Write};

use opkssh_protocol::printable::printable;
use serde::Serialize;

use crate::admin_error::AdminError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(in crate::commands) enum Status {
    Success,
    Warning,
    Error,
}

/// What a finding is about, for programs. The words stay as they are.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A rule for the client's address, which sshd does not pass.
    ClientAddress,
    /// A deny list that a token can avoid.
    DenyIncomplete,
    FallbackUnusable,
    FileUnusable,
    /// The key cache is missing or not used.
    KeyCache,
    /// A file of `jwks_files`.
    KeysUnusable,
    NeverMatches,
    /// A key or name in a file that does nothing.
    NoEffect,
    /// A file that verify's account cannot use.
    NotAccessible,
    PluginUnusable,
    ProviderUnreachable,
    ProvidersRow,
    RevokesNobody,
    SshdSetting,
    UnknownAccount,
    UnknownIssuer,
}

/// The JSON form, with members in Go's order; `findings` is not in Go.
#[derive(Debug, Serialize)]
pub struct Report {
    pub ok: bool,
    pub username: String,
    pub providers_file: FileState,
    pub system_policy: PolicyFile,
    pub home_policy: Option<Vec<PolicyFile>>,
    pub opk_version: &'static str,
    pub openssh_version: String,
    pub os_info: String,
    /// A finding about something other than a single row.
    pub findings: Vec<Finding>,
}

#[derive(Debug, Serialize)]
pub struct FileState {
    pub file_path: String,
    pub error: String,
}

#[derive(Debug, Default, Serialize)]
pub struct PolicyFile {
    pub file_path: String,
    pub rows: Vec<RowReport>,
    pub error: String,
    pub perms_error: String,
}

#[derive(Debug, Serialize)]
pub struct RowReport {
    pub status: Status,
    pub hints: Option<Vec<String>>,
    pub principal: String,
    pub identity_attr: String,
    pub issuer: String,
    pub reason: String,
    /// 1-based.
    pub line_number: usize,
    /// File, line and text of a line that is not a row.
    #[serde(skip)]
    pub malformed: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Finding {
    pub status: Status,
    pub kind: Kind,
    pub place: String,
    pub reason: String,
    pub hints: Vec<String>,
}

impl Report {
    /// Sets `ok` to false if there is any warning or error.
    pub fn set_ok(&mut self) {
        let whole = (self.files()).all(|file| file.error.is_empty() && file.perms_error.is_empty());
        self.ok = whole && self.count(Status::Warning) + self.count(Status::Error) == 0;
    }

    fn files(&self) -> impl Iterator<Item = &PolicyFile> {
        let homes = self.home_policy.iter().flatten();
        std::iter::once(&self.system_policy).chain(homes)
    }

    /// Returns the error of a report with findings, with their number.
    pub fn failure(&self) -> AdminError {
        let found = match self.count(Status::Error) {
            0 => "0 errors".to_owned(),
            errors => format!("errors: {}", count(errors, "error")),
        };
        let warnings = count(self.count(Status::Warning), "warning");
        AdminError::new(format!(
            "audit completed and discovered {found}, {warnings}"
        ))
    }

    fn count(&self, status: Status) -> usize {
        let rows = self.rows().filter(|row| row.status == status).count();
        let findings = self.findings.iter().filter(|one| one.status == status);
        rows + findings.count()
    }

    fn rows(&self) -> impl Iterator<Item = &RowReport> {
        self.files().flat_map(|file| &file.rows)
    }

    /// Writes a line per row and finding, and a summary.
    pub fn write_text(&self, out: &mut impl Write) -> io::Result<()> {
        for row in self.rows() {
            let words = || format!("{} {} {}", row.principal, row.identity_attr, row.issuer);
            let form = ["write a row: ACCOUNT IDENTITY ISSUER".to_owned()];
            let (words, hints) = match &row.malformed {
                Some(place) => (place.clone(), form.as_slice()),
                None => (words(), row.hints.as_deref().unwrap_or_default()),
            };
            write_line(out, row.status, &words, &row.reason, hints)?;
        }
        for found in &self.findings {
            write_line(out, found.status, &found.place, &found.reason, &found.hints)?;
        }
        let (errors, warnings) = (self.count(Status::Error), self.count(Status::Warning));
        let end = match (self.ok, errors, warnings) {
            (true, _, _) => "0 (no issues detected)",
            (false, 0, 1..) => "1 (warnings detected)",
            (false, _, _) => "1 (errors detected)",
        };
        writeln!(
            out,
            "\n=== SUMMARY ===\nTotal Entries Tested:  {}\nSuccessful:            {}\n\
             Warnings:              {warnings}\nErrors:                {errors}\n\nExit Code: {end}",
            self.rows().count() + self.findings.len(),
            self.count(Status::Success),
        )
    }
}

/// Returns a number of things in words.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

fn write_line(
    out: &mut impl Write,
    status: Status,
    words: &str,
    reason: &str,
    hints: &[String],
) -> io::Result<()> {
    let status = match status {
        Status::Success => "[OK] SUCCESS ",
        Status::Warning => "[WARN] WARNING ",
        Status::Error => "[ERR] ERROR   ",
    };
    let mut line = format!("{status}: {words} ({reason}) ");
    for hint in hints {
        line += &format!(" - {hint} ");
    }
    writeln!(out, "{}", printable(&line))
}
