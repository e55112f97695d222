//! `opkssh inspect`.

use std::io::{self, Write};
use std::path::Path;

use opkssh_protocol::inspect::{InspectError, render};

use crate::cli::InspectArgs;
use crate::report::CommandFailure;

/// Shows the key or certificate in the file, or in the argument itself.
pub fn inspect(args: &InspectArgs) -> Result<(), CommandFailure> {
    let file = Path::new(&args.key);
    let text = if file.exists() {
        let bytes = std::fs::read(file).map_err(|error| {
            CommandFailure::new(format!("failed to read {}: {error}", file.display()), None)
        })?;
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        args.key.to_str().ok_or(InspectError::NoKey)?.to_owned()
    };
    let shown = render(&text, &jiff::tz::TimeZone::system())?;
    let mut out = io::stdout().lock();
    let _ = write!(out, "{shown}").and_then(|()| out.flush());
    Ok(())
}
