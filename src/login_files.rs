//! `opkssh login -p`, `-i` and `--files`: prints or writes keys as Go's client does, without an
//! agent.

use std::io::Write;
use std::sync::Arc;

use opkssh_agent::{Awaited, KeyTarget};
use opkssh_client::{
    Answer, ClientError, Environment, LoginArgs, LoginDisplay, RedirectInput, is_configured,
    login_request, read_redirects, show_certificate,
};
use opkssh_protocol::places::Places;

use crate::report::CommandFailure;

/// Logs in and prints or writes the key.
pub fn login_files(
    args: &LoginArgs,
    environment: &Environment,
    places: &Places,
    out: &mut dyn Write,
    data: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Answer, CommandFailure> {
    if args.auto_refresh {
        return Err(CommandFailure::new(
            "--auto-refresh does not work with -i, -p or --files: key files are not renewed",
            Some("log in with the agent, which renews by itself: opkssh login".into()),
        ));
    }
    let configured = is_configured(places);
    let target = match &args.private_key_file {
        _ if args.print_key => KeyTarget::Print,
        Some(file) => KeyTarget::File(file.clone()),
        None if configured => KeyTarget::IdentityDirectory,
        None => KeyTarget::DefaultSlot,
    };
    if configured {
        let _ = writeln!(out, "OPK SSH identity directory is configured");
    }
    let request = login_request(args, environment, places, err)?;
    args.check_person(environment, &request.providers)?;
    let mut display = LoginDisplay::new(
        out,
        environment,
        !args.disable_browser_open,
        RedirectInput::Terminal,
    );
    let awaited = Arc::new(Awaited::default());
    let brought = awaited.clone();
    read_redirects(move |answer| {
        let brought = brought.bring(&answer);
        brought.map_err(|error| ClientError::Failed(error.into()))
    });
    let mut show = |event| display.show(&event);
    let written =
        opkssh_agent::login_to_files(request, &target, places, &awaited, data, &mut show)?;
    if let Some(key) = &written.key_file {
        let key = key.display();
        display.line(&format!(
            "Writing opk ssh public key to {key}-cert.pub and corresponding secret key to {key}"
        ));
    }
    let identity = &written.identity;
    display.identity(
        identity.email(),
        [identity.sub(), identity.iss(), &written.client_id],
    );
    drop(display);
    let _ = out.flush();
    // stdout has the keys
    match args.print_key {
        true => show_certificate(args, &written.certificate, out)?,
        false => show_certificate(args, &written.certificate, data)?,
    }
    Ok(Answer {
        usable: Some(true),
        reason: format!(
            "{} is logged in",
            identity.email().unwrap_or(identity.sub())
        ),
        key_file: written.key_file,
        ..Answer::default()
    })
}
