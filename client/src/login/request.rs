//! Makes the request of `opkssh login` from configuration, environment and arguments.

use std::io::Write;

use opkssh_protocol::account_name::AccountName;
use opkssh_protocol::config::{
    ClientConfig, ConfigError, Provider, choose, unknown_issuer_warning,
};
use opkssh_protocol::control::{AccountStatus, KeyType, LoginRequest, Request};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::agent::running::ensure_running_if_stored;
use crate::configuration::{Environment, load_config};
use crate::error::ClientError;
use crate::login::args::LoginArgs;
use crate::status::report;

/// Returns the request for a login into the agent: at a provider, or again to an existing account.
/// Writes warnings to `err`.
pub(crate) fn request(
    args: &LoginArgs,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<Request, ClientError> {
    let login = login_request(args, environment, places, err);
    let word = match &login {
        // the default account may belong to a provider other than the default one
        Ok(LoginRequest {
            account: Some(name),
            ..
        }) if args.account.is_none() => name.as_str(),
        // the account may come from `--provider` or another configuration
        Err(ClientError::Config(ConfigError::UnknownAlias { alias, .. }))
            if args.alias.as_ref() == Some(alias) =>
        {
            alias
        }
        _ => return login.map(Request::Login),
    };
    let Some(account) = existing_account(word, places)? else {
        return login.map(Request::Login);
    };
    // these flags would change the account
    let flags = [
        ("--as", args.account.is_some()),
        ("--key-type", args.key_type.is_some()),
        ("--principals", !args.principals.is_empty()),
        ("--remote-redirect-uri", args.remote_redirect_uri.is_some()),
        ("--send-access-token", args.send_access_token.is_some()),
    ];
    match flags.into_iter().find(|(_, given)| *given) {
        Some((flag, _)) => Err(ClientError::new(
            format!(
                "{flag} needs a provider, and the account {account} has none in the client \
                 configuration"
            ),
            "name the provider too: opkssh login --provider ISSUER,CLIENT_ID",
        )),
        None => Ok(Request::LoginAgain {
            account,
            flow: args.flow(),
            asking: args.asking(),
            joining: args.joining(environment),
        }),
    }
}

/// Returns the request for a login at a provider, into the agent or into files. Writes warnings to
/// `err`.
pub fn login_request(
    args: &LoginArgs,
    environment: &Environment,
    places: &Places,
    err: &mut dyn Write,
) -> Result<LoginRequest, ClientError> {
    let key_type = key_type(args.key_type.as_deref())?;
    let config = match load_config(args.config_path.as_deref(), places)? {
        Some(config) => config,
        None => {
            let [file, _] = places.config_files();
            let _ = writeln!(
                err,
                "No config file at {}: using the built-in providers. Create one: opkssh login \
                 --create-config",
                file.display()
            );
            ClientConfig::built_in()?
        }
    };
    for warning in &config.warnings {
        let _ = writeln!(err, "Warning: {}", printable(warning));
    }
    let mut wanted = args.wanted(environment);
    let mut account = args.account.clone();
    if let Some(name) = default_account(args, environment, &config) {
        if config.providers.iter().any(|it| it.has_alias(name)) {
            wanted.alias = Some(name);
        } else {
            let hint = "correct `default_account:` under `agent:` in the client configuration";
            let name = AccountName::parse(name);
            account = Some(name.map_err(|error| ClientError::new(error, hint))?);
        }
    }
    let providers = choose(&wanted, &config)?;
    if args.send_access_token.is_none()
        && let Some(warning) = unknown_issuer_warning(&providers, &config)
    {
        let _ = writeln!(err, "{}", printable(&warning));
    }
    if let Some(name) = &account {
        check_name(name, &providers, &config)?;
    }
    let principals = args.principals.iter().filter(|name| !name.is_empty());
    Ok(LoginRequest {
        again: false,
        providers,
        key_type,
        principals: principals.cloned().collect(),
        send_access_token: args.send_access_token,
        flow: args.flow(),
        account,
        asking: args.asking(),
        joining: args.joining(environment),
    })
}

/// Returns `agent.default_account`, unless arguments or environment choose an account or provider.
fn default_account<'a>(
    args: &LoginArgs,
    environment: &Environment,
    config: &'a ClientConfig,
) -> Option<&'a str> {
    let is_chosen = args.wants_files()
        || args.account.is_some()
        || [
            &args.alias,
            &args.provider,
            &environment.default_alias,
            &environment.providers,
        ]
        .into_iter()
        .any(|word| word.as_ref().is_some_and(|word| !word.is_empty()));
    let name = config.agent.default_account.as_deref();
    name.filter(|name| !is_chosen && !name.is_empty())
}

/// Fails if `name` is another provider's alias, since `opkssh login NAME` would then mean that
/// provider.
fn check_name(
    name: &AccountName,
    providers: &[Provider],
    config: &ClientConfig,
) -> Result<(), ClientError> {
    let called = |provider: &Provider| provider.has_alias(name.as_str());
    match providers {
        [one] if called(one) => Ok(()),
        _ if config.providers.iter().any(called) => Err(ClientError::new(
            format!("the account name {name} is a provider's alias in the client configuration"),
            "give the account another name: opkssh login PROVIDER --as NAME",
        )),
        _ => Ok(()),
    }
}

/// Returns the agent's account that `word` names, by its alias, issuer or provider. If several
/// match, returns `word`, which the agent reports as ambiguous. Starts the agent only if there are
/// stored accounts.
fn existing_account(word: &str, places: &Places) -> Result<Option<String>, ClientError> {
    let Some(connection) = ensure_running_if_stored(places)? else {
        return Ok(None);
    };
    let accounts = report(connection)?.accounts;
    if accounts.iter().any(|account| account.alias == word) {
        return Ok(Some(word.to_owned()));
    }
    let there = |account: &&AccountStatus| account.issuer == word || account.provider == word;
    let mut found = accounts.iter().filter(there);
    Ok(match (found.next(), found.next()) {
        (None, _) => None,
        (Some(account), None) => Some(account.alias.clone()),
        (Some(_), Some(_)) => Some(word.to_owned()),
    })
}

fn key_type(word: Option<&str>) -> Result<KeyType, ClientError> {
    let Some(word) = word else {
        return Ok(KeyType::default());
    };
    match word.to_ascii_lowercase().as_str() {
        "ecdsa" => Ok(KeyType::Ecdsa),
        "ed25519" => Ok(KeyType::Ed25519),
        _ => Err(ClientError::new(
            format!(
                "invalid argument {word:?} for \"-t, --key-type\" flag: must be 'ecdsa', 'ed25519'"
            ),
            "opkssh login --key-type ed25519",
        )),
    }
}
