//! `opkssh login`: chooses between its modes.

use std::io::{self, Write};

use opkssh_client::{ConfigFile, Environment, LoginArgs, configure, create_config, redirected};
use opkssh_protocol::places::Places;

use crate::log_dir::LoggedStdout;
use crate::login_files::login_files;
use crate::report::CommandFailure;

/// Logs in, or does what `--create-config`, `--configure` or `--redirected` request.
pub fn login(args: &LoginArgs, places: &Places) -> Result<(), CommandFailure> {
    let mut out = LoggedStdout::new(args.log_dir.as_deref())?;
    if args.create_config {
        match create_config(args.config_path.as_deref(), places)? {
            ConfigFile::Created(file) => {
                let _ = writeln!(out, "Created client config file at {}", file.display());
                return Ok(());
            }
            // logs in with the existing file, as Go's client does
            ConfigFile::Exists(file) => {
                let _ = writeln!(out, "The client config file {} exists", file.display());
            }
        }
    }
    if args.configure {
        configure(places)?;
        let _ = writeln!(out, "OPK SSH identity directory is configured");
        return Ok(());
    }
    if args.redirected {
        return Ok(redirected(places, &mut out)?);
    }
    let environment = Environment::of_process();
    let data = &mut io::stdout();
    if args.wants_files() {
        return login_files(args, &environment, places, &mut out, data);
    }
    Ok(opkssh_client::login(
        args,
        &environment,
        places,
        &mut out,
        data,
        &mut io::stderr(),
    )?)
}
