//! Options for the directories of the server's files.

use std::path::PathBuf;

use crate::etc;
use crate::key_source;
use crate::plugin;

// no doc comment: clap would use it as the help of the command
#[derive(Debug, Clone, clap::Args)]
pub struct ServerDirs {
    /// Directory of providers, auth_id, config.yml and the others
    #[arg(long, value_name = "DIR", default_value = etc::DIRECTORY)]
    pub etc: PathBuf,
    /// Where keys of providers are kept [default: /var/cache/opkssh, which server install makes,
    /// else /var/tmp/opkssh-UID]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

impl ServerDirs {
    /// Returns the key cache directory that verify uses.
    pub fn key_cache(&self) -> PathBuf {
        let settings = etc::load_settings(&self.etc).unwrap_or_default();
        let plugins = plugin::load(&etc::PLUGINS.path_in(&self.etc));
        key_source::find_cache(self.cache.as_deref(), settings.runs_others(&plugins))
    }
}
