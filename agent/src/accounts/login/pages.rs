//! The few pages that the browser shows.

use hyper::StatusCode;
use opkssh_protocol::config::Provider;
use opkssh_protocol::printable::printable;

/// What the browser is shown.
pub struct Page {
    pub(super) status: StatusCode,
    /// Where it is sent instead.
    pub(super) location: Option<String>,
    pub(super) html: String,
}

impl Page {
    pub fn logged_in(who: &str) -> Self {
        let who = escape(who);
        let text = format!(
            "<p>You are logged in as <b>{who}</b>.</p><p>You may now close this window.</p>"
        );
        Self::new(StatusCode::OK, "Logged in", &text)
    }

    pub fn failed(message: &str, hint: Option<&str>) -> Self {
        let lines = [message].into_iter().chain(hint);
        let text: String = lines
            .map(|line| format!("<p>{}</p>", escape(line)))
            .collect();
        Self::new(StatusCode::BAD_REQUEST, "Login failed", &text)
    }

    pub(super) fn not_the_answer() -> Self {
        let text = "<p>This is not the answer to the login that waits here: it has a wrong state. \
                    The login goes on waiting.</p>";
        Self::new(StatusCode::BAD_REQUEST, "Not the answer", text)
    }

    pub(super) fn over() -> Self {
        let text = "<p>This login has ended. You may close this window.</p>";
        Self::new(StatusCode::BAD_REQUEST, "Login over", text)
    }

    pub(super) fn not_found(status: StatusCode) -> Self {
        Self::new(status, "Not found", "<p>There is nothing here.</p>")
    }

    pub(super) fn redirect(to: &str) -> Self {
        Self {
            status: StatusCode::FOUND,
            location: Some(to.to_owned()),
            html: String::new(),
        }
    }

    /// One link per provider; `path` is the page's own, with its secret.
    pub(super) fn chooser(providers: &[Provider], path: &str) -> Self {
        let link = |(index, provider): (usize, &Provider)| {
            let (name, issuer) = (escape(provider.name()), escape(&provider.issuer));
            format!(
                "<p><a href=\"{path}/select?op={index}\">{name}</a><br><small>{issuer}</small></p>"
            )
        };
        let links: String = providers.iter().enumerate().map(link).collect();
        Self::new(StatusCode::OK, "Choose a provider", &links)
    }

    fn new(status: StatusCode, title: &str, body: &str) -> Self {
        Self {
            status,
            location: None,
            html: format!(
                "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\">\
                 <title>{title} – opkssh</title><style>body{{font:1.1em/1.5 sans-serif;\
                 max-width:34em;margin:4em auto;padding:0 1em;color:#222;background:#fff}}\
                 a{{font-size:1.2em}}</style><h1>{title}</h1>{body}</html>\n"
            ),
        }
    }
}

/// Returns text from elsewhere as HTML that shows just that.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in printable(text).to_string().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests;
