//! Desktop notifications with buttons (Desktop Notifications Specification 1.2), on the bus of the
//! person's session: not the daemon's own, of which it may know nothing. That is why this speaks
//! D-Bus itself; the libraries for it take the bus from the environment of the process.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use opkssh_protocol::printable::printable;
use zbus::export::futures_core::Stream as _;
use zbus::export::serde::Serialize;
use zbus::message::Type;
use zbus::zvariant::{DynamicType, Value};
use zbus::{Connection, MatchRule, Message, MessageStream, connection};

const SERVER: &str = "org.freedesktop.Notifications";
const PATH: &str = "/org/freedesktop/Notifications";
/// A server answers at once, or is not there.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest line of a notification, in characters.
const MAX_TEXT: usize = 500;
/// What a click on the notification itself is called.
pub const CLICK: &str = "default";

/// A notification that the person sees.
pub struct Shown {
    id: u32,
    connection: Connection,
    signals: MessageStream,
}

#[derive(Debug, thiserror::Error)]
pub enum NotShown {
    #[error("no desktop notification can be shown: {0}")]
    Bus(#[from] zbus::Error),
    #[error("no desktop notification can be shown: the desktop does not answer")]
    Timeout,
    #[error("no desktop notification can be shown: the desktop's have no buttons")]
    NoButtons,
}

/// Shows a notification on the bus at this address, or on the process's own. Buttons have a key and
/// a label; the body may have several lines.
pub async fn show(
    bus: Option<String>,
    summary: &str,
    body: &str,
    buttons: &[(&str, &str)],
) -> Result<Shown, NotShown> {
    tokio::time::timeout(TIMEOUT, try_show(bus, summary, body, buttons))
        .await
        .unwrap_or(Err(NotShown::Timeout))
}

impl Shown {
    /// Waits for the person. Returns the key of the button that was pressed; `None` if the
    /// notification was closed, or its server went away.
    pub async fn wait_for_button(&mut self) -> Option<String> {
        while let Some(Ok(signal)) =
            poll_fn(|context| Pin::new(&mut self.signals).poll_next(context)).await
        {
            let (header, body) = (signal.header(), signal.body());
            match header.member().map_or("", |member| member.as_str()) {
                "ActionInvoked" => {
                    if let Ok((id, key)) = body.deserialize::<(u32, &str)>()
                        && id == self.id
                    {
                        return Some(key.to_owned());
                    }
                }
                "NotificationClosed" => {
                    if let Ok((id, _reason)) = body.deserialize::<(u32, u32)>()
                        && id == self.id
                    {
                        return None;
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Closes the notification, if it is still shown.
    pub async fn close(self) {
        let _ = call(&self.connection, "CloseNotification", &self.id).await;
    }
}

async fn try_show(
    bus: Option<String>,
    summary: &str,
    body: &str,
    buttons: &[(&str, &str)],
) -> Result<Shown, NotShown> {
    let builder = match bus.as_deref() {
        Some(address) => connection::Builder::address(address)?,
        None => connection::Builder::session()?,
    };
    let connection = builder.method_timeout(TIMEOUT).build().await?;
    let capabilities = call(&connection, "GetCapabilities", &()).await?;
    let capabilities: Vec<String> = capabilities.body().deserialize()?;
    if !capabilities.iter().any(|it| it == "actions") {
        return Err(NotShown::NoButtons);
    }
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(SERVER)?
        .path(PATH)?
        .interface(SERVER)?
        .build();
    // listening first: an answer may come before the id does
    let signals = MessageStream::for_match_rule(rule, &connection, None).await?;
    let actions: Vec<_> = buttons
        .iter()
        .flat_map(|(key, label)| [*key, *label])
        .collect();
    // it waits for the person, as long as we do
    let (urgency, never) = (1_u8, 0_i32);
    let body: Vec<_> = body.lines().map(plain).collect();
    let hints = HashMap::from([("urgency", Value::from(urgency))]);
    let notification = (
        "opkssh",
        0_u32,
        "dialog-password",
        plain(summary),
        body.join("\n"),
        actions,
        hints,
        never,
    );
    let reply = call(&connection, "Notify", &notification).await?;
    Ok(Shown {
        id: reply.body().deserialize()?,
        connection,
        signals,
    })
}

async fn call(
    connection: &Connection,
    method: &str,
    body: &(impl Serialize + DynamicType),
) -> zbus::Result<Message> {
    connection
        .call_method(Some(SERVER), PATH, Some(SERVER), method, body)
        .await
}

/// Returns the text without markup and without characters that look like others.
fn plain(text: &str) -> String {
    let text = printable(text).at_most(MAX_TEXT).to_string();
    text.replace(['<', '>', '&'], " ")
}
