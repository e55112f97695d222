//! `opkssh login`: chooses between its modes.

use std::io::{self, Write};
use std::process::ExitCode;

use opkssh_client::{Answer, ConfigFile, Environment, LoginArgs};
use opkssh_client::{configure, create_config, redirected};
use opkssh_protocol::places::Places;

use crate::log_dir::LoggedOutput;
use crate::login_files::login_files;
use crate::report::{CommandFailure, answered};

/// Logs in, or does what `--create-config`, `--configure` or `--redirected` request. Returns 0 or 1,
/// as Go's client does.
pub fn login(args: &LoginArgs, places: &Places) -> ExitCode {
    let answer = log_in(args, places).map_err(|error| error.with_status(1));
    answered(answer, args.json, false, |_| ())
}

fn log_in(args: &LoginArgs, places: &Places) -> Result<Answer, CommandFailure> {
    let mut out = LoggedOutput::new(args.log_dir.as_deref(), args.json || args.print_key)?;
    let done = Ok(Answer {
        usable: Some(true),
        ..Answer::default()
    });
    if args.create_config {
        match create_config(args.config_path.as_deref(), places)? {
            ConfigFile::Created(file) => {
                let _ = writeln!(out, "Created client config file at {}", file.display());
                return done;
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
        return done;
    }
    if args.redirected {
        redirected(places, &mut out)?;
        return done;
    }
    let environment = Environment::of_process();
    let data = &mut io::stdout();
    let err = &mut LoggedOutput::new(args.log_dir.as_deref(), true)?;
    if args.wants_files() {
        return login_files(args, &environment, places, &mut out, data, err);
    }
    let answer = opkssh_client::login(args, &environment, places, &mut out, data, err)?;
    Ok(answer)
}
