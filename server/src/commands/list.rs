//! `opkssh list`: who may log in as whom, by the rows of `auth_id` and by rules.

use std::io::Write;
use std::path::{Path, PathBuf};

use opkssh_protocol::printable::quoted;
use serde::Serialize;

use super::output::{json, no_answer, note, say};
use crate::account::{self, AccountError};
use crate::admin_error::AdminError;
use crate::etc::{self, AUTH_ID, RULES};
use crate::home;
use crate::policy::rules::Rule;
use crate::table;

/// List who may log in as whom, by rows and rules.
#[derive(Debug, Clone, clap::Args)]
pub struct ListArgs {
    /// Directory of auth_id and rules.yml
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// List only who may log in as this account
    #[arg(long, value_name = "ACCOUNT")]
    pub who: Option<String>,
    /// Print JSON
    #[arg(short, long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Listing {
    rows: Vec<ListedRow>,
    rules: Vec<ListedRule>,
}

#[derive(Serialize)]
struct ListedRow {
    account: String,
    identity: String,
    issuer: String,
    file: PathBuf,
    /// 1-based.
    line: usize,
}

#[derive(Serialize)]
struct ListedRule {
    rule: String,
    effect: &'static str,
    /// Empty in a rule that denies: any.
    accounts: Vec<String>,
    /// The claim that names further accounts.
    account_from: Option<String>,
    /// Empty in a rule that denies: any.
    issuers: Vec<String>,
    file: PathBuf,
}

/// Writes the rows of the system's file and of the accounts' own files, then the rules.
pub fn list_command(args: &ListArgs, out: &mut impl Write) -> Result<(), AdminError> {
    let listing = list(args).map_err(|error| no_answer(error, args.json, out))?;
    if let Some(who) = &args.who
        && let Err(AccountError::Unknown(_) | AccountError::Name(_)) = account::find(who)
    {
        note(&format!(
            "warning: there is no local account {}",
            quoted(who)
        ));
    }
    match args.json {
        true => json(out, &listing),
        false => write_text(&listing, args.who.as_deref(), out),
    }
}

fn list(args: &ListArgs) -> Result<Listing, AdminError> {
    let is_meant = |account: &str| args.who.as_deref().is_none_or(|who| who == account);
    let path = AUTH_ID.path_in(&args.etc);
    let bytes = AUTH_ID.read(&path).map_err(|error| {
        AdminError::new(&error)
            .with_hint(etc::admin_hint(&error, AUTH_ID.mode))
            .not_known()
    })?;
    let mut rows = rows(&path, &bytes, is_meant);
    for (account, read) in home::read_all() {
        let path = home::path_of(&account);
        match read {
            _ if !is_meant(&account.name) => {}
            // rows for other accounts have no effect there
            Ok(bytes) => rows.extend(self::rows(&path, &bytes, |name| name == account.name)),
            Err(error) => note(&format!("warning: not listed: {error}")),
        }
    }
    let rules = etc::load_rules(&args.etc).map_err(|error| AdminError::from(error).not_known())?;
    let file = RULES.path_in(&args.etc);
    let concerns = |rule: &&Rule| {
        rule.account_claim().is_some()
            || (rule.denies && rule.accounts.is_empty())
            || rule.accounts.iter().any(|account| is_meant(account))
    };
    let rules = rules.iter().filter(concerns).map(|rule| ListedRule {
        rule: rule.name.clone(),
        effect: if rule.denies { "deny" } else { "allow" },
        accounts: rule.accounts.clone(),
        account_from: rule.account_claim(),
        issuers: rule.issuers.clone(),
        file: file.clone(),
    });
    Ok(Listing {
        rules: rules.collect(),
        rows,
    })
}

fn rows(path: &Path, bytes: &[u8], is_meant: impl Fn(&str) -> bool) -> Vec<ListedRow> {
    let table = table::read(bytes);
    for problem in &table.problems {
        note(&format!("warning: not a row: {} {problem}", path.display()));
    }
    let meant = table.rows.into_iter().filter(|row| is_meant(&row.words[0]));
    let listed = meant.map(|row| {
        let [account, identity, issuer] = row.words.map(Into::into);
        ListedRow {
            account,
            identity,
            issuer,
            file: path.to_owned(),
            line: row.line,
        }
    });
    listed.collect()
}

fn write_text(
    listing: &Listing,
    who: Option<&str>,
    out: &mut impl Write,
) -> Result<(), AdminError> {
    if listing.rows.is_empty() && listing.rules.is_empty() {
        let account = who.map(|who| format!(" as {}", table::quote(who)));
        let account = account.unwrap_or_default();
        note(&format!("no row or rule lets anybody log in{account}"));
    }
    for row in &listing.rows {
        let words = [&row.account, &row.identity, &row.issuer].map(|word| table::quote(word));
        let (words, file) = (words.join(" "), row.file.display());
        say(out, &format!("{words} ({file}:{})", row.line))?;
    }
    for rule in &listing.rules {
        let any = |texts: &[String]| match texts {
            [] => "any".to_owned(),
            texts => texts.join(","),
        };
        let accounts = match &rule.account_from {
            Some(claim) if rule.accounts.is_empty() => format!("by claim {claim}"),
            Some(claim) => format!("{} or by claim {claim}", any(&rule.accounts)),
            None => any(&rule.accounts),
        };
        let (name, file) = (&rule.rule, rule.file.display());
        let effect = if rule.effect == "deny" { " denies" } else { "" };
        let issuers = any(&rule.issuers);
        say(
            out,
            &format!("{accounts}: rule {name:?}{effect}, issuer {issuers} ({file})"),
        )?;
    }
    Ok(())
}
