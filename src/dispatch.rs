//! Runs the function of a parsed command.

#[cfg(feature = "client")]
use std::io::Write as _;
use std::process::ExitCode;

#[cfg(feature = "client")]
use opkssh_client::{AgentReply, Answer, HostAnswer};

use crate::cli::Command;
#[cfg(feature = "client")]
use crate::cli::{AgentCommand, ClientCommand, ProviderCommand};
#[cfg(feature = "server")]
use crate::cli::{CacheCommand, ServerCommand};
use crate::completions::{complete_words, script};
use crate::inspect::inspect;
#[cfg(feature = "client")]
use crate::login::login;
use crate::man::write_pages;
#[cfg(any(feature = "client", feature = "server"))]
use crate::parse::help_of;
#[cfg(feature = "client")]
use crate::places::places;
use crate::report::{CommandFailure, print_line};
#[cfg(feature = "client")]
use crate::report::{answered, logged_out, print_hint};

/// Runs `command` and returns the exit status.
pub fn run(command: Command) -> Result<ExitCode, CommandFailure> {
    match command {
        Command::CompleteWords(words) => complete_words(words),
        Command::Completions { shell } => print_line(script(shell).trim_end()),
        Command::Inspect(args) => inspect(&args)?,
        Command::Man { dir } => write_pages(&dir)?,
        Command::Help(text) => print_line(text.trim_end()),
        Command::Version => print_line(concat!("opkssh version ", env!("CARGO_PKG_VERSION"))),

        #[cfg(feature = "client")]
        Command::Agent { command } => return agent(command),
        #[cfg(feature = "client")]
        Command::Check(args) => {
            let environment = opkssh_client::Environment::of_process();
            let answer = opkssh_client::check(&args, &environment, &places()?);
            let answer = answer.map_err(CommandFailure::from);
            let show = |answer: &Answer| {
                print_line(&answer.line());
                print_hint(answer.hint.as_deref());
            };
            return Ok(answered(answer, args.json, args.quiet, show));
        }
        #[cfg(feature = "client")]
        Command::Client { command } => client(command)?,
        #[cfg(feature = "client")]
        Command::Default(args) => {
            opkssh_client::default_account(&args, &places()?, &mut std::io::stdout())?;
        }
        #[cfg(feature = "client")]
        Command::Ensure(args) => {
            let environment = opkssh_client::Environment::of_process();
            let err = &mut std::io::stderr();
            let answer = opkssh_client::ensure(&args, &environment, &places()?, err);
            let answer = answer.map_err(CommandFailure::from);
            let show = |answer: &Answer| {
                if answer.usable == Some(false) {
                    let _ = writeln!(std::io::stderr(), "{}", answer.line());
                    print_hint(answer.hint.as_deref());
                }
            };
            return Ok(answered(answer, args.json, args.quiet, show));
        }
        #[cfg(feature = "client")]
        Command::Log(args) => {
            let (out, err) = (&mut std::io::stdout().lock(), &mut std::io::stderr());
            opkssh_client::log(&args, &places()?, out, err)?;
        }
        #[cfg(feature = "client")]
        Command::Login(args) => return Ok(login(&args, &places()?)),
        #[cfg(feature = "client")]
        Command::Logout(args) => {
            let (out, err) = (&mut *output(args.json), &mut std::io::stderr());
            let reply = opkssh_client::logout(&args, &places()?, out, err);
            return Ok(logged_out(reply, args.json));
        }
        #[cfg(feature = "client")]
        Command::Run(args) => return run_command(args),
        #[cfg(feature = "client")]
        Command::Ssh(args) => return ssh(args.words),
        #[cfg(feature = "client")]
        Command::Status(args) => {
            if let Some(host) = &args.host {
                let answer = opkssh_client::status_of_host(host, &args.agent, &places()?);
                let answer = answer.map_err(CommandFailure::from);
                let show = |answer: &HostAnswer| print_line(&answer.page());
                return Ok(answered(answer, args.json, false, show));
            }
            opkssh_client::status(&args, &places()?, &mut std::io::stdout())?;
        }

        #[cfg(feature = "server")]
        Command::Add(args) => {
            opkssh_server::add_command(&args)?;
        }
        #[cfg(feature = "server")]
        Command::Permissions(args) => {
            let (mut input, mut out) = (std::io::stdin().lock(), std::io::stdout());
            match opkssh_server::permissions_command(&args, &mut input, &mut out) {
                Some(done) => done?,
                None => print_line(help_of(&["permissions"]).trim_end()),
            }
        }
        #[cfg(feature = "server")]
        Command::Audit(args) => opkssh_server::audit_command(&args, &mut std::io::stdout())?,
        #[cfg(feature = "server")]
        Command::Explain(args) => {
            return Ok(ExitCode::from(opkssh_server::explain_command(&args)?));
        }
        #[cfg(feature = "server")]
        Command::List(args) => opkssh_server::list_command(&args, &mut std::io::stdout())?,
        #[cfg(feature = "server")]
        Command::Readhome(args) => opkssh_server::readhome_command(&args)?,
        #[cfg(feature = "server")]
        Command::Remove(args) => opkssh_server::remove_command(&args, &mut std::io::stdout())?,
        #[cfg(feature = "server")]
        Command::Server { command } => return server(command),
        #[cfg(feature = "server")]
        Command::Verify(args) => opkssh_server::verify_command(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(feature = "server")]
fn server(command: ServerCommand) -> Result<ExitCode, CommandFailure> {
    let out = &mut std::io::stdout();
    match command {
        ServerCommand::Install(args) => {
            let program = std::env::current_exe().map_err(|error| {
                CommandFailure::new(format!("cannot find this program's path: {error}"), None)
            })?;
            opkssh_server::server_install(&args, &program, out)?;
        }
        ServerCommand::Check(args) => {
            return Ok(ExitCode::from(opkssh_server::server_check(&args, out)?));
        }
        ServerCommand::Revoke(args) => opkssh_server::revoke_command(&args, out)?,
        ServerCommand::Uninstall(args) => opkssh_server::server_uninstall(&args, out)?,
        ServerCommand::Cache { command } => {
            let (CacheCommand::Clear { dirs, .. }
            | CacheCommand::Refresh(dirs)
            | CacheCommand::Show(opkssh_server::CacheShowArgs { dirs, .. })) = &command;
            if let Some(status) = opkssh_server::as_owner_of(&dirs.key_cache())? {
                return Ok(ExitCode::from(status));
            }
            match &command {
                CacheCommand::Clear { dirs, issuer } => {
                    opkssh_server::cache_clear(dirs, issuer.as_deref(), out)?;
                }
                CacheCommand::Refresh(dirs) => opkssh_server::cache_refresh(dirs, out)?,
                CacheCommand::Show(args) => opkssh_server::cache_show(args, out)?,
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Returns where the steps of a command go: with JSON on stdout, to stderr.
#[cfg(feature = "client")]
fn output(json: bool) -> Box<dyn std::io::Write> {
    match json {
        true => Box::new(std::io::stderr()),
        false => Box::new(std::io::stdout()),
    }
}

#[cfg(feature = "client")]
fn agent(command: AgentCommand) -> Result<ExitCode, CommandFailure> {
    let places = places()?;
    let out = &mut std::io::stdout();
    let (reply, json) = match command {
        AgentCommand::Distrust(args) => {
            let out = &mut *output(args.json);
            (
                opkssh_client::agent_distrust(&args, &places, out),
                args.json,
            )
        }
        AgentCommand::Lock(args) => {
            let out = &mut *output(args.json);
            (opkssh_client::agent_lock(&args, &places, out), args.json)
        }
        AgentCommand::Restart(args) => {
            let out = &mut *output(args.json);
            (opkssh_client::agent_restart(&args, &places, out), args.json)
        }
        AgentCommand::Start(args) => (opkssh_client::agent_start(&args, &places, out), args.json),
        AgentCommand::Stop(args) => {
            let out = &mut *output(args.json);
            (opkssh_client::agent_stop(&args, &places, out), args.json)
        }
        AgentCommand::Unlock(args) => {
            let out = &mut *output(args.json);
            (opkssh_client::agent_unlock(&args, &places, out), args.json)
        }
        AgentCommand::Browse { url } => return done(opkssh_client::agent_browse(&url)),
        AgentCommand::Env(args) => {
            let err = &mut std::io::stderr();
            return done(opkssh_client::agent_env(&args, &places, out, err));
        }
        AgentCommand::Install(args) => {
            let program = opkssh_client::this_program()?;
            return done(opkssh_client::agent_install(&args, &program, &places, out));
        }
        AgentCommand::Launch(settings) => {
            match opkssh_client::agent_launch(&settings, &opkssh_client::this_program()?)? {}
        }
        AgentCommand::Run(args) => {
            let (places, args) = args.into_agents(&places)?;
            opkssh_client::check_length(&places.control_socket())?;
            return done(opkssh_agent::run(&places, &args));
        }
        AgentCommand::Uninstall(args) => {
            return done(opkssh_client::agent_uninstall(&args, &places, out));
        }
    };
    let reply = reply.map_err(CommandFailure::from);
    Ok(answered(reply, json, false, |_: &AgentReply| ()))
}

#[cfg(feature = "client")]
fn done<E: Into<CommandFailure>>(result: Result<(), E>) -> Result<ExitCode, CommandFailure> {
    result.map(|()| ExitCode::SUCCESS).map_err(E::into)
}

/// Runs `opkssh client`. Shows the group's help for any unknown word, as Go's client does.
#[cfg(feature = "client")]
fn client(command: Option<ClientCommand>) -> Result<(), CommandFailure> {
    use std::io::IsTerminal;
    match command {
        Some(ClientCommand::Provider {
            command: Some(ProviderCommand::List(args)),
        }) => {
            let out = &mut std::io::stdout();
            let for_terminal = out.is_terminal();
            let listed = opkssh_client::provider_list(&args, &places()?, for_terminal, out);
            listed.map_err(|error| {
                let message = format!("Unable to load providers. {error}");
                CommandFailure::new(message, error.hint())
            })?;
        }
        Some(ClientCommand::Provider { .. }) => {
            print_line(help_of(&["client", "provider"]).trim_end())
        }
        _ => print_line(help_of(&["client"]).trim_end()),
    }
    Ok(())
}

#[cfg(feature = "client")]
fn ssh(words: Vec<std::ffi::OsString>) -> Result<ExitCode, CommandFailure> {
    use opkssh_wrapper::{SshArgs, SshContext};
    let places = places().map_err(|error| error.with_status(255))?;
    let err = &mut std::io::stderr();
    let ended = SshArgs::read(words)
        .and_then(|args| opkssh_wrapper::ssh(args, &SshContext::of_process(), &places, err));
    match ended.map_err(|error| CommandFailure::from(error).with_status(255))? {}
}

#[cfg(feature = "client")]
fn run_command(args: opkssh_wrapper::RunCommandArgs) -> Result<ExitCode, CommandFailure> {
    let places = places().map_err(|error| error.with_status(125))?;
    let context = opkssh_wrapper::SshContext::of_process();
    let ended = opkssh_wrapper::run(args, &context, &places, &mut std::io::stderr());
    let failed = |failure: opkssh_wrapper::RunFailure| {
        CommandFailure::from(failure.error).with_status(failure.status)
    };
    match ended.map_err(failed)? {}
}
