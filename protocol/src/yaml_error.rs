//! Messages of YAML errors.

/// Returns the message in one line, without the snippet, which is for terminals and could contain
/// secrets from neighbouring lines.
pub fn one_line(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
