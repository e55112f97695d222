//! The few pages that the browser shows.

use opkssh_protocol::config::Provider;
use opkssh_protocol::printable::printable;

pub fn logged_in(who: &str) -> String {
    page(
        "Logged in",
        &format!(
            "<p>You are logged in as <b>{}</b>.</p><p>You may now close this window.</p>",
            escape(who)
        ),
    )
}

pub fn failed(message: &str, hint: Option<&str>) -> String {
    let hint = hint
        .map(|hint| format!("<p>{}</p>", escape(hint)))
        .unwrap_or_default();
    page("Login failed", &format!("<p>{}</p>{hint}", escape(message)))
}

pub fn not_the_answer() -> String {
    page(
        "Not the answer",
        "<p>This is not the answer to the login that waits here: it has a wrong state. The login \
         goes on waiting.</p>",
    )
}

pub fn over() -> String {
    page(
        "Login over",
        "<p>This login has ended. You may close this window.</p>",
    )
}

pub fn not_found() -> String {
    page("Not found", "<p>There is nothing here.</p>")
}

/// One link per provider; `path` is the page's own, with its secret.
pub fn chooser(providers: &[Provider], path: &str) -> String {
    let links: String = providers
        .iter()
        .enumerate()
        .map(|(index, provider)| {
            format!(
                "<p><a href=\"{path}/select?op={index}\">{}</a><br><small>{}</small></p>",
                escape(provider.name()),
                escape(&provider.issuer)
            )
        })
        .collect();
    page("Choose a provider", &links)
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title} – opkssh</title>\
         <style>body{{font:1.1em/1.5 sans-serif;max-width:34em;margin:4em auto;padding:0 1em;\
         color:#222;background:#fff}}a{{font-size:1.2em}}</style><h1>{title}</h1>{body}</html>\n"
    )
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
mod tests {
    use super::*;

    #[test]
    fn text_from_outside_cannot_become_markup() {
        let page = failed("<script>alert('x')</script>\u{202e}", Some("\"&"));
        assert!(!page.contains("<script>") && page.contains("\\u{202e}"));
        assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
        assert!(page.contains("&quot;&amp;"));
    }
}
