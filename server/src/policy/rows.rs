//! The rows of one file in the format of `auth_id`. A file may have 100,000 rows, of which `verify`
//! needs those of one account.

use std::fmt;

use memchr::memchr_iter;

use super::Applicant;
use super::identity::{ClaimSources, Identity};
use crate::table;

/// Number of problems of one file that are described individually.
const MAX_PROBLEMS: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row<'a> {
    pub principal: &'a str,
    pub identity: Identity<'a>,
    /// The identity as the file has it.
    pub identity_text: &'a str,
    /// Compared byte for byte with the token's `iss`.
    pub issuer: &'a str,
    pub place: RowLocation<'a>,
}

impl Row<'_> {
    pub fn fits(&self, who: &Applicant<'_>, sources: &ClaimSources<'_>) -> bool {
        self.principal == who.principal && self.issuer == who.issuer && self.identity.is_of(sources)
    }

    /// Returns true if only a trailing slash of the issuer differs.
    pub fn differs_in_slash(&self, who: &Applicant<'_>, sources: &ClaimSources<'_>) -> bool {
        self.principal == who.principal
            && self.issuer != who.issuer
            && self.has_near_issuer(who)
            && self.identity.is_of(sources)
    }

    fn has_near_issuer(&self, who: &Applicant<'_>) -> bool {
        self.issuer.trim_end_matches('/') == who.issuer.trim_end_matches('/')
    }

    /// Returns true if the row is for this account and issuer, and for somebody else.
    pub fn is_of_another(&self, who: &Applicant<'_>, sources: &ClaimSources<'_>) -> bool {
        self.principal == who.principal
            && self.issuer == who.issuer
            && !self.identity.is_of(sources)
            && !self.identity.matches(&sources.id_token)
    }

    /// Returns why a row that almost matches does not; `None` for other rows.
    pub fn near_miss(&self, who: &Applicant<'_>, sources: &ClaimSources<'_>) -> Option<String> {
        let is_account = self.principal == who.principal;
        let is_issuer = self.issuer == who.issuer;
        let why = match (is_account, is_issuer, self.identity.is_of(sources)) {
            (true, false, true) if self.has_near_issuer(who) => {
                "does not allow: its issuer differs only in the trailing slash".to_owned()
            }
            (true, false, true) => format!("does not allow: it is for issuer {:?}", self.issuer),
            (true, true, false) if self.identity.matches(&sources.id_token) => {
                "does not allow: the refreshed ID token does not match".to_owned()
            }
            (false, true, true) => format!("is for account {:?}", self.principal),
            _ => return None,
        };
        Some(format!("{} {why}", self.place))
    }
}

/// Location of a row, for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowLocation<'a> {
    pub path: &'a str,
    pub line: usize,
}

impl fmt::Display for RowLocation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.path, self.line)
    }
}

/// The valid rows of a file, in order.
#[derive(Debug)]
pub struct RowFile {
    path: String,
    /// The account whose rows are kept; `None`: all.
    account: Option<String>,
    /// The words of all rows, concatenated.
    words: String,
    rows: Vec<Words>,
    /// Number of the next line, from 1.
    next_line: usize,
    problems: Vec<String>,
    more_problems: usize,
}

/// Ends of a row's words in [`RowFile::words`]. The words begin where the previous row ends.
#[derive(Debug, Clone, Copy)]
struct Words {
    line: usize,
    ends: [usize; 3],
}

impl RowFile {
    /// Creates a file without lines. With `account`, rows of other accounts are skipped.
    pub fn new(path: &str, account: Option<&str>) -> Self {
        Self {
            path: path.to_owned(),
            account: account.map(str::to_owned),
            words: String::new(),
            rows: Vec::new(),
            next_line: 1,
            problems: Vec::new(),
            more_problems: 0,
        }
    }

    pub fn parse(path: &str, account: Option<&str>, lines: &[u8]) -> Self {
        let mut file = Self::new(path, account);
        file.read(lines);
        file
    }

    /// Reads further lines of the file, which must be complete.
    pub fn read(&mut self, lines: &[u8]) {
        for row in table::rows_from(self.next_line, lines) {
            let problem = match &row {
                Ok(row) if self.is_of_others(row) => continue,
                Ok(row) => self.add(row).err().map(|never| {
                    let (path, line) = (&self.path, row.line);
                    format!("{} can never match: {never}", RowLocation { path, line })
                }),
                Err(problem) => Some(format!("{} {problem}", self.path)),
            };
            match problem {
                Some(_) if self.problems.len() == MAX_PROBLEMS => self.more_problems += 1,
                problem => self.problems.extend(problem),
            }
        }
        self.next_line += memchr_iter(b'\n', lines).count();
    }

    /// Returns the problems of the file: every malformed line, and every kept row that can never
    /// match. Only the first ones are described.
    pub fn take_problems(&mut self) -> Vec<String> {
        let mut problems = std::mem::take(&mut self.problems);
        if self.more_problems > 0 {
            let (path, more) = (&self.path, self.more_problems);
            problems.push(format!("{path} has {more} more; see: opkssh audit"));
        }
        problems
    }

    fn is_of_others(&self, row: &table::Row<'_>) -> bool {
        let account = self.account.as_deref();
        account.is_some_and(|account| account != row.words[0])
    }

    fn add(&mut self, row: &table::Row<'_>) -> Result<(), &'static str> {
        Identity::parse(&row.words[1])?;
        let ends = [0, 1, 2].map(|column: usize| {
            self.words.push_str(&row.words[column]);
            self.words.len()
        });
        let line = row.line;
        self.rows.push(Words { line, ends });
        Ok(())
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn is_whole(&self) -> bool {
        self.account.is_none()
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let starts = self.rows.iter().map(|row| row.ends[2]);
        let starts = std::iter::once(0).chain(starts);
        starts.zip(&self.rows).filter_map(|(start, row)| {
            let [principal, identity, issuer] = row.ends;
            let identity_text = self.words.get(principal..identity)?;
            Some(Row {
                principal: self.words.get(start..principal)?,
                identity: Identity::parse(identity_text).ok()?,
                identity_text,
                issuer: self.words.get(identity..issuer)?,
                place: RowLocation {
                    path: &self.path,
                    line: row.line,
                },
            })
        })
    }
}

#[cfg(test)]
mod tests;
