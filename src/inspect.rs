//! `opkssh inspect`.

use std::io::{self, Read as _, Write};
use std::path::Path;

use opkssh_protocol::inspect::{InspectError, as_json, render};
use opkssh_protocol::printable::{printable_json, quoted};

use crate::cli::InspectArgs;
use crate::report::{CommandFailure, print_line};

/// More bytes of stdin are not read.
const MAX_INPUT: u64 = 1024 * 1024;

/// Shows the key or certificate in the file, on stdin, or in the argument itself.
pub fn inspect(args: &InspectArgs) -> Result<(), CommandFailure> {
    let shown = shown(args).inspect_err(|failure| {
        if args.json {
            let value = serde_json::json!({ "reason": failure.message, "hint": failure.hint });
            print_line(&printable_json(&format!("{value:#}")));
        }
    })?;
    let mut out = io::stdout().lock();
    let _ = write!(out, "{shown}").and_then(|()| out.flush());
    Ok(())
}

fn shown(args: &InspectArgs) -> Result<String, CommandFailure> {
    let file = Path::new(&args.key);
    let failed =
        |error| CommandFailure::new(format!("failed to read {}: {error}", file.display()), None);
    let mut text = Vec::new();
    let mut is_absent = false;
    if args.key == "-" {
        let mut input = io::stdin().lock().take(MAX_INPUT);
        input.read_to_end(&mut text).map_err(failed)?;
    } else if file.exists() {
        text = std::fs::read(file).map_err(failed)?;
    } else {
        text.extend(args.key.as_encoded_bytes());
        is_absent = !text.contains(&b' ');
    }
    let text = String::from_utf8_lossy(&text);
    let shown = match args.json {
        true => as_json(&text).map(|value| printable_json(&format!("{value:#}\n"))),
        false => render(&text, &jiff::tz::TimeZone::system()),
    };
    shown.map_err(|error| {
        let hint = "name a -cert.pub or .pub file, or - for stdin, or quote its line: \
                    opkssh inspect ~/.ssh/id_ecdsa-cert.pub";
        let mut message = error.to_string();
        if is_absent && matches!(error, InspectError::NoKey) {
            message += &format!(": there is no file {}", quoted(&text));
        }
        CommandFailure::new(message, Some(hint.into()))
    })
}
