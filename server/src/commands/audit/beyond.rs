//! Checks that Go's audit does not have: problems that would only show when this program replaces
//! Go's.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use opkssh_protocol::time::UnixTime;

use super::AuditArgs;
use super::report::{Finding, Kind, Status};
use super::sshd_config::{permits_environment, verify_commands};
use crate::account;
use crate::arguments::Argument;
use crate::config::ServerConfig;
use crate::etc::{self, ACCOUNT, CONFIG, EtcError, PLUGINS, RULES, SETTINGS};
use crate::http::without_effect;
use crate::install::tokens;
use crate::key_source::{KeyStoreError, Store, read_jwks_file};
use crate::plugin::Plugins;
use crate::policy::rules::{Rule, Rules};
use crate::providers::Providers;
use crate::settings::Settings;

pub(super) const REFUSES_ALL: &str = "verify refuses every login until this is fixed";

pub struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn error(&mut self, kind: Kind, place: impl ToString, reason: impl ToString, hint: &str) {
        self.add(Status::Error, kind, &place, &reason, hint);
    }

    pub fn warning(&mut self, kind: Kind, place: impl ToString, reason: impl ToString, hint: &str) {
        self.add(Status::Warning, kind, &place, &reason, hint);
    }

    fn add(
        &mut self,
        status: Status,
        kind: Kind,
        place: &dyn ToString,
        reason: &dyn ToString,
        hint: &str,
    ) {
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        self.0.push(Finding {
            status,
            kind,
            place: place.to_string(),
            reason: reason.to_string(),
            hints: Vec::from_iter(hint),
        });
    }

    /// Returns the loaded file, or reports why a file that can deny cannot be used.
    pub fn loaded<T: Default>(&mut self, loaded: Result<T, EtcError>, etc: &Path) -> T {
        loaded.unwrap_or_else(|error| {
            let path = error.entry.path_in(etc);
            let hint = error.admin_hint().unwrap_or_default();
            let reason = format!("{}; {REFUSES_ALL}", error.problem);
            self.error(Kind::FileUnusable, path.display(), reason, &hint);
            T::default()
        })
    }

    /// Checks `config.yml`: deny lists, and environment for requests to providers.
    pub fn config(&mut self, etc: &Path) -> ServerConfig {
        let config = self.loaded(etc::load_config(etc, None), etc);
        let path = CONFIG.path_in(etc);
        for key in &config.unknown_keys {
            self.warning(
                Kind::NoEffect,
                path.display(),
                format!("unknown key {key:?}"),
                "",
            );
        }
        for name in without_effect(&config.env_vars) {
            let reason = format!("{name:?} under env_vars has no effect");
            self.warning(Kind::NoEffect, path.display(), reason, "");
        }
        config
    }

    /// Checks `server.yml` and its key sets.
    pub fn settings(&mut self, etc: &Path) -> Settings {
        let settings = self.loaded(etc::load_settings(etc), etc);
        for (issuer, path) in &settings.jwks_files {
            if let Err(error) = read_jwks_file(path) {
                self.error(
                    Kind::KeysUnusable,
                    issuer,
                    error,
                    "every login of this issuer is refused",
                );
            }
        }
        if let Some(fallback) = &settings.fallback
            && let Err(error) = fallback.check_owner_and_mode()
        {
            self.error(
                Kind::FallbackUnusable,
                SETTINGS.path_in(etc).display(),
                error,
                "",
            );
        }
        settings
    }

    /// Reports why verify would not use the key cache, or that there is none.
    pub fn cache(&mut self, path: &Path, runs_others: bool) {
        match Store::check_for_owner(path) {
            Ok(()) => {}
            Err(KeyStoreError::Io { error, .. }) if error.kind() == io::ErrorKind::NotFound => {
                let reason = match account::find(ACCOUNT) {
                    Ok(_) if !runs_others => {
                        "there is no key cache; verify makes one of its own in /var/tmp"
                    }
                    Ok(_) => {
                        "there is no key cache that plugins and the fallback cannot write to, so \
                         every login asks the provider"
                    }
                    Err(_) => "there is no key cache, so every login asks the provider",
                };
                self.warning(Kind::KeyCache, path.display(), reason, etc::NOT_SET_UP);
            }
            Err(error) => {
                let reason = format!("the key cache is not used: {error}");
                let hint = "every login asks the provider until then";
                self.warning(Kind::KeyCache, path.display(), reason, hint);
            }
        }
    }

    /// Checks rules, and options that sshd would not honour. Returns the rules.
    pub fn rules(
        &mut self,
        args: &AuditArgs,
        providers: &Providers,
        config: &ServerConfig,
    ) -> Rules {
        let rules = self.loaded(etc::load_rules(&args.dirs.etc), &args.dirs.etc);
        let path = RULES.path_in(&args.dirs.etc);
        if !config.deny.emails.is_empty() && !rules.is_required("email") {
            self.warning(
                Kind::DenyIncomplete,
                CONFIG.path_in(&args.dirs.etc).display(),
                "deny_emails does not refuse a token without a mail address; a client can leave \
                 `email` out by its scopes",
                "add to rules.yml: {name: no mail, effect: deny, when: [{claim: email, present: \
                 false}]}",
            );
        }
        let all: Vec<&Rule> = rules.iter().collect();
        for (index, rule) in all.iter().enumerate() {
            let place = format!("{} rule {:?}", path.display(), rule.name);
            self.rule(&place, rule, providers, config);
            let mut earlier = all[..index].iter();
            if let Some(earlier) = earlier.find(|earlier| rule.is_hidden_by(earlier)) {
                let name = &earlier.name;
                let reason = format!("can never match: rule {name:?} always comes first");
                self.warning(Kind::NeverMatches, &place, reason, "");
            }
            if rule.sets_environment() && !permits_environment(&args.sshd_config) {
                self.warning(
                    Kind::SshdSetting,
                    &place,
                    "sshd would not honour `environment`",
                    "set PermitUserEnvironment in sshd_config, to a pattern of these names",
                );
            }
        }
        rules
    }

    fn rule(&mut self, place: &str, rule: &Rule, providers: &Providers, config: &ServerConfig) {
        let known = |issuer: &String| providers.for_issuer(issuer).is_ok();
        if !rule.issuers.is_empty() && !rule.issuers.iter().any(known) {
            let reason = "can never match: none of its issuers is in providers";
            self.error(Kind::NeverMatches, place, reason, "");
        } else if let Some(issuer) = rule.issuers.iter().find(|issuer| !known(issuer)) {
            self.warning(
                Kind::UnknownIssuer,
                place,
                format!("issuer {issuer:?} is not in providers"),
                "",
            );
        }
        let now = UnixTime::from(SystemTime::now());
        if rule.not_after().is_some_and(|end| end < now) {
            self.warning(
                Kind::NeverMatches,
                place,
                "can never match: not_after is over",
                "",
            );
        }
        for account in &rule.accounts {
            if !rule.denies && config.deny.has_user(account) {
                let reason = format!("can never match for {account:?}: it is in deny_users");
                self.error(Kind::NeverMatches, place, reason, "");
            } else if account::find(account).is_err() {
                let reason = format!("there is no local account {account:?}");
                self.warning(Kind::UnknownAccount, place, reason, "");
            }
        }
    }

    /// Reports rules for an address that sshd does not pass, and declared words that it does not
    /// pass.
    pub fn client_address(&mut self, args: &AuditArgs, rules: &Rules, settings: &Settings) {
        let path = RULES.path_in(&args.dirs.etc);
        if !settings.arguments.contains(&Argument::Connection) {
            for rule in rules.iter().filter(|rule| rule.has_client_address()) {
                let reason = match rule.denies {
                    true => "denies from anywhere: the client's address is not known",
                    false => "can never match: the client's address is not known",
                };
                self.warning(
                    Kind::ClientAddress,
                    format!("{} rule {:?}", path.display(), rule.name),
                    reason,
                    "declare `arguments: [connection]` in server.yml and run: sudo opkssh server \
                     install",
                );
            }
        }
        for command in verify_commands(&args.sshd_config) {
            if !tokens::passes(&command, &settings.arguments) {
                self.warning(
                    Kind::SshdSetting,
                    SETTINGS.path_in(&args.dirs.etc).display(),
                    format!("declares arguments that sshd does not pass: {command}"),
                    "run: sudo opkssh server install",
                );
            }
        }
    }

    pub fn plugins(&mut self, plugins: &Plugins, etc: &Path) {
        for problem in &plugins.problems {
            self.error(
                Kind::PluginUnusable,
                PLUGINS.path_in(etc).display(),
                problem,
                "",
            );
        }
    }
}
