//! Desktop notifications with a button (Desktop Notifications Specification 1.2), on the bus of the
//! person's session: not the daemon's own, of which it may know nothing. That is why this speaks
//! D-Bus itself; the libraries for it take the bus from the environment of the process.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use opkssh_protocol::printable::printable;
use zbus::export::futures_core::Stream as _;
use zbus::message::Type;
use zbus::zvariant::Value;
use zbus::{Connection, MatchRule, MessageStream, connection};

const SERVER: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// A server answers at once, or is not there.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest text of a notification, in characters.
const MAX_TEXT: usize = 500;
/// The button, and a click on the notification itself.
const LOG_IN: [&str; 2] = ["login", "default"];
/// What NotificationClosed calls a dismissal by the person.
const DISMISSED: u32 = 2;

/// A notification that the person sees.
pub struct Shown {
    id: u32,
    connection: Connection,
    signals: MessageStream,
}

/// How the person answered a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    LogIn,
    Dismissed,
    /// Nobody looked: it expired, or its server went away.
    None,
}

#[derive(Debug, thiserror::Error)]
pub enum NotShown {
    #[error("no desktop notification can be shown: {0}")]
    Bus(#[from] zbus::Error),
    #[error("no desktop notification can be shown: the desktop does not answer")]
    Timeout,
}

/// Shows a notification with the button "Log in" on the bus at this address, or on the process's
/// own.
pub async fn show(bus: Option<String>, summary: &str, body: &str) -> Result<Shown, NotShown> {
    tokio::time::timeout(TIMEOUT, try_show(bus, summary, body))
        .await
        .unwrap_or(Err(NotShown::Timeout))
}

impl Shown {
    /// Waits for the person.
    pub async fn answer(&mut self) -> Answer {
        loop {
            let next = poll_fn(|context| Pin::new(&mut self.signals).poll_next(context)).await;
            let Some(Ok(signal)) = next else {
                return Answer::None;
            };
            let header = signal.header();
            let (member, body) = (header.member(), signal.body());
            match member.map(|member| member.as_str()) {
                Some("ActionInvoked") => {
                    if let Ok((id, action)) = body.deserialize::<(u32, &str)>()
                        && id == self.id
                        && LOG_IN.contains(&action)
                    {
                        return Answer::LogIn;
                    }
                }
                Some("NotificationClosed") => match body.deserialize::<(u32, u32)>() {
                    Ok((id, DISMISSED)) if id == self.id => return Answer::Dismissed,
                    Ok((id, _)) if id == self.id => return Answer::None,
                    _ => {}
                },
                _ => {}
            }
        }
    }

    /// Closes the notification, if it is still shown.
    pub async fn close(self) {
        let closed = self.connection.call_method(
            Some(SERVER),
            PATH,
            Some(SERVER),
            "CloseNotification",
            &self.id,
        );
        let _ = tokio::time::timeout(TIMEOUT, closed).await;
    }
}

async fn try_show(bus: Option<String>, summary: &str, body: &str) -> Result<Shown, NotShown> {
    let connection = match bus.as_deref() {
        Some(address) => connection::Builder::address(address)?,
        None => connection::Builder::session()?,
    };
    let connection = connection.build().await?;
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(SERVER)?
        .path(PATH)?
        .interface(SERVER)?
        .build();
    // listening first: an answer may come before the id does
    let signals = MessageStream::for_match_rule(rule, &connection, None).await?;
    let actions = ["default", "Log in", "login", "Log in"];
    // it waits for the person, as long as we do
    let (urgency, never) = (1_u8, 0_i32);
    let hints = HashMap::from([("urgency", Value::from(urgency))]);
    let reply = connection
        .call_method(
            Some(SERVER),
            PATH,
            Some(SERVER),
            "Notify",
            &(
                "opkssh",
                0_u32,
                "dialog-password",
                plain(summary),
                plain(body),
                actions.as_slice(),
                hints,
                never,
            ),
        )
        .await?;
    let id = reply.body().deserialize()?;
    Ok(Shown {
        id,
        connection,
        signals,
    })
}

/// Returns the text without markup and without characters that look like others.
fn plain(text: &str) -> String {
    let text = printable(text).at_most(MAX_TEXT).to_string();
    text.replace(['<', '>', '&'], " ")
}
