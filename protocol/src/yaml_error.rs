//! Messages of YAML errors.

/// Returns the message in one line, without its place, and without the snippet, which is for
/// terminals and could contain secrets from neighbouring lines.
pub fn message(error: &serde_saphyr::Error) -> String {
    let error = error.without_snippet();
    let text = error.to_string();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let place = error.location().filter(|place| place.line() > 0);
    let end = place.and_then(|place| text.rfind(&format!(" at line {}, column ", place.line())));
    let text = &text[..end.unwrap_or(text.len())];
    // the parser's advice for its callers
    let text = text.replace(", set DuplicateKeyPolicy in Options if acceptable", "");
    text.trim_start_matches("error: ").to_owned()
}
