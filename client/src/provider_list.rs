//! `opkssh client provider list`.

use std::io::Write;
use std::path::PathBuf;

use opkssh_protocol::config::{ClientConfig, Provider};
use opkssh_protocol::places::Places;
use opkssh_protocol::printable::printable;

use crate::configuration::load_config;
use crate::error::ClientError;

#[derive(Debug, Clone, Default, clap::Args)]
pub struct ProviderListArgs {
    /// Path to the client config file [default: ~/.opk/config.yml]
    #[arg(long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
}

/// Prints a line per alias, in file order; on a terminal with a header and wider columns, as Go's
/// client does. Fails if there is no configuration file.
pub fn provider_list(
    args: &ProviderListArgs,
    places: &Places,
    for_terminal: bool,
    out: &mut dyn Write,
) -> Result<(), ClientError> {
    let config = load_config(args.config_path.as_deref(), places)?.ok_or_else(|| {
        let [file, _] = places.config_files();
        let built_in = ClientConfig::built_in().map(|config| config.providers);
        let names: Vec<_> = built_in.iter().flatten().map(Provider::name).collect();
        ClientError::new(
            format!(
                "failed to read config file: {}: there is none",
                file.display()
            ),
            format!(
                "without one, opkssh login offers the built-in providers {}; write them to it: \
                 opkssh login --create-config",
                names.join(", ")
            ),
        )
    })?;
    let (gap, mut rows) = match for_terminal {
        true => (2, vec![("Alias", "Issuer"), ("-----", "------")]),
        false => (1, Vec::new()),
    };
    for provider in &config.providers {
        let aliases = provider.aliases.iter();
        rows.extend(aliases.map(|alias| (alias.as_str(), provider.issuer.as_str())));
    }
    let shown = |text| printable(text).to_string();
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(alias, issuer)| (shown(alias), shown(issuer)))
        .collect();
    let widths = rows.iter().map(|(alias, _)| alias.chars().count());
    let width = widths.max().unwrap_or_default() + gap;
    for (alias, issuer) in rows {
        let _ = writeln!(out, "{alias:width$}{issuer}");
    }
    // after printing, as Go's client does
    ClientConfig::check_aliases(&config.providers)?;
    Ok(())
}
