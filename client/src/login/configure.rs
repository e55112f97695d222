//! `opkssh login --configure`: a directory for key files that ssh's configuration includes, as Go's
//! client makes it. Only logins that write files use it.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use opkssh_files::{Writer, create_private};
use opkssh_protocol::places::Places;

use crate::error::ClientError;

const INCLUDE: &str = "Include ~/.ssh/opkssh/config";

/// Creates `~/.ssh/opkssh` (0700) with an empty `config` (0600), and puts the Include at the top of
/// `~/.ssh/config`, where it applies to every host. A second call changes nothing.
pub fn configure(places: &Places) -> Result<(), ClientError> {
    let failed = |path: &Path| ClientError::io(format!("cannot write {}", path.display()));
    let directory = places.ssh_dir().join("opkssh");
    create_private(&directory).map_err(failed(&directory))?;
    let config = directory.join("config");
    OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(&config)
        .map_err(failed(&config))?;

    let main = places.ssh_dir().join("config");
    let text = match std::fs::read(&main) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(&main)(error)),
    };
    if has_include(&text) {
        return Ok(());
    }
    let text = [format!("{INCLUDE}\n\n").as_bytes(), &text].concat();
    Writer::dotfile()
        .replace(&main, &text)
        .map_err(failed(&main))
}

/// Returns true if the files that [`configure`] writes exist.
pub fn is_configured(places: &Places) -> bool {
    let text = std::fs::read(places.ssh_dir().join("config")).unwrap_or_default();
    has_include(&text) && places.ssh_dir().join("opkssh/config").is_file()
}

/// Returns true if a line of `text` is the Include; a comment does not count.
fn has_include(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().any(|line| {
        line.split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .eq_ignore_ascii_case(INCLUDE)
    })
}

#[cfg(test)]
mod tests;
