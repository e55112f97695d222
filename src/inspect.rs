//! `opkssh inspect`.

use std::io::{self, Write};
use std::path::Path;

use opkssh_protocol::inspect::render;

use crate::cli::InspectArgs;
use crate::report::CommandFailure;

/// Shows the key or certificate in the file, or in the argument itself.
pub fn inspect(args: &InspectArgs) -> Result<(), CommandFailure> {
    let file = Path::new(&args.key);
    let text = if file.exists() {
        std::fs::read(file).map_err(|error| {
            CommandFailure::new(format!("failed to read {}: {error}", file.display()), None)
        })?
    } else {
        args.key.as_encoded_bytes().to_vec()
    };
    let text = String::from_utf8_lossy(&text);
    let shown = render(&text, &jiff::tz::TimeZone::system()).map_err(|error| {
        let hint = "name a -cert.pub or .pub file, or quote its line: \
                    opkssh inspect ~/.ssh/id_ecdsa-cert.pub";
        CommandFailure::new(error.to_string(), Some(hint.into()))
    })?;
    let mut out = io::stdout().lock();
    let _ = write!(out, "{shown}").and_then(|()| out.flush());
    Ok(())
}
