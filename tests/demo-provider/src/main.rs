//! A small OpenID provider on loopback http, for `scripts/demo` and nothing else: it believes
//! whatever name it is told. It is an honest provider on the wire, though: discovery, code flow
//! with PKCE, signed ID tokens, rotating refresh tokens, revocation.

mod authorize;
mod discovery;
mod grants;
mod id_token;
mod provider;
mod reply;
mod serve;
mod token;

use std::io::{self, BufRead, Write};
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::provider::Provider;

/// A small OpenID provider on loopback, FOR DEMONSTRATION ONLY.
///
/// Anybody may log in under any name. It ends on SIGTERM or when its standard input closes; keys,
/// codes and tokens live in memory and are gone then. Client id: opkssh-demo (public, no secret).
#[derive(Parser)]
#[command(name = "opkssh-demo-provider", version)]
struct Options {
    /// Port to listen on; 0 chooses a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How long an ID token is valid
    #[arg(long, value_name = "SECONDS", default_value_t = 3600,
          value_parser = clap::value_parser!(u32).range(1..))]
    id_token_lifetime: u32,
    /// Leave the nonce out of refreshed ID tokens, as some providers do
    #[arg(long)]
    no_nonce_on_refresh: bool,
    /// Take the first line of standard input as the one password that is accepted; without this
    /// option any password is
    #[arg(long)]
    password_stdin: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let password = if options.password_stdin {
        Some(read_password()?)
    } else {
        None
    };
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
        .await
        .with_context(|| format!("cannot listen on port {}; try --port 0", options.port))?;
    let issuer = format!("http://localhost:{}", listener.local_addr()?.port());
    let lifetime = Duration::from_secs(options.id_token_lifetime.into());
    let provider = Provider::new(&issuer, lifetime, !options.no_nonce_on_refresh, password)?;
    writeln!(io::stdout(), "issuer {issuer}").context("cannot print the issuer")?;

    tokio::select! {
        never = serve::serve(listener, provider) => match never {},
        _ = terminate.recv() => {}
        _ = stdin_closed() => {}
    }
    Ok(())
}

fn read_password() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .context("cannot read the password from stdin")?;
    let password = line.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(
        !password.is_empty(),
        "--password-stdin: the first line of stdin is empty"
    );
    Ok(password.to_owned())
}

/// A plain thread: the process may end while it still waits in a read.
fn stdin_closed() -> oneshot::Receiver<()> {
    let (closed, wait) = oneshot::channel();
    std::thread::spawn(move || {
        // A stdin that cannot be read counts as closed: whoever started us cannot hold it open.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = closed.send(());
    });
    wait
}
