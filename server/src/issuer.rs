//! Issuers as admins write them: short names, trailing slashes, typing errors. Pure.

use opkssh_protocol::config::is_https_or_loopback;
use url::Url;

/// Go's short issuer names, which commands know and files do not.
const SHORT_NAMES: [(&str, &str); 5] = [
    ("google", "https://accounts.google.com"),
    (
        "azure",
        "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
    ),
    (
        "microsoft",
        "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
    ),
    ("gitlab", "https://gitlab.com"),
    ("hello", "https://issuer.hello.coop"),
];

/// Returns the URL of a short issuer name, or any other word as it is.
pub fn expand(word: &str) -> &str {
    let short = SHORT_NAMES.iter().find(|(name, _)| *name == word);
    short.map_or(word, |(_, url)| url)
}

/// Returns the short names, separated by commas.
pub fn short_names() -> String {
    SHORT_NAMES.map(|(name, _)| name).join(", ")
}

/// Returns true for an https URL, and for an http URL of this machine. Tokens of other issuers are
/// never accepted.
pub fn is_usable(issuer: &str) -> bool {
    is_plain_https(issuer) || Url::parse(issuer).is_ok_and(|url| is_https_or_loopback(&url))
}

/// Returns true for most acceptable URLs without parsing them, which would take 3 ms for 1,000
/// rows.
fn is_plain_https(issuer: &str) -> bool {
    let Some(rest) = issuer.strip_prefix("https://") else {
        return false;
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let is_label = |label: &str| {
        let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && !label.starts_with("xn--") && label.bytes().all(letters)
    };
    let last = host.rsplit('.').next().unwrap_or_default();
    host.split('.').all(is_label)
        // the host may be an IPv4 address
        && last.starts_with(|c: char| c.is_ascii_lowercase())
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
}

/// Returns true if both words mean the same issuer: by short name, or but for a trailing slash.
pub fn is_same(one: &str, other: &str) -> bool {
    let bare = |word| expand(word).trim_end_matches('/');
    bare(one) == bare(other)
}

/// Returns what was probably meant by a word that is no issuer: a short name, one of the issuers
/// `known`, or a URL without its scheme.
pub fn suggestion(word: &str, known: &[String]) -> Option<String> {
    let bare = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        rest.trim_end_matches('/').to_owned()
    };
    let short = SHORT_NAMES.iter().map(|(name, _)| *name);
    let near_known = || {
        known
            .iter()
            .find(|known| is_near(&bare(known), &bare(word)))
    };
    let with_scheme = || {
        let url = format!("https://{}", bare(word));
        (word.contains('.') && is_usable(&url)).then_some(url)
    };
    short
        .into_iter()
        .find(|name| is_near(name, word))
        .map(str::to_owned)
        .or_else(|| near_known().cloned())
        .or_else(with_scheme)
}

/// Returns a hint for an issuer that is not in the providers file at `path`, whose issuers are
/// `known`.
pub fn hint(issuer: &str, known: &[String], path: &str) -> String {
    for known in known {
        if is_same(known, issuer) && issuer.contains("://") {
            let (verb, to) = match issuer.ends_with('/') {
                true => ("remove", "from"),
                false => ("add", "to"),
            };
            return format!(
                "{verb} the trailing slash {to} the issuer URL ({issuer}) to match provider entry ({known})"
            );
        }
        if let (Some((own_scheme, own)), Some((scheme, rest))) =
            (issuer.split_once("://"), known.split_once("://"))
            && own == rest
        {
            return format!(
                "change the scheme {own_scheme}:// of the issuer URL ({issuer}) to match scheme \
                 {scheme}:// of provider ({known})"
            );
        }
    }
    let short = SHORT_NAMES.iter().find(|(name, _)| is_near(name, issuer));
    match short {
        Some((name, url)) if *name == issuer => format!(
            "{issuer:?} is not a URL; short names work with `opkssh add` only, files need {url}"
        ),
        Some((name, url)) => format!("did you mean {name:?}, which is {url}?"),
        None if !issuer.contains("://") => {
            format!("{issuer:?} is not a URL; short names work with `opkssh add` only")
        }
        None => match known.iter().find(|known| is_near(known, issuer)) {
            Some(known) => format!("did you mean {known}?"),
            None => format!(
                "ensure the issuer URL ({issuer}) is correct and matches an entry in {path}"
            ),
        },
    }
}

/// Returns true if the words differ in at most two neighbouring letters, or in letter case.
fn is_near(one: &str, other: &str) -> bool {
    let (one, other) = (one.to_lowercase(), other.to_lowercase());
    let (mut one, mut other) = (one.as_str(), other.as_str());
    let same = |(a, b): &(char, char)| a == b;
    let start = one.chars().zip(other.chars()).take_while(same);
    let start = start.map(|(letter, _)| letter.len_utf8()).sum();
    (one, other) = (&one[start..], &other[start..]);
    let end = one.chars().rev().zip(other.chars().rev()).take_while(same);
    let end = end.count();
    one.chars().count().max(other.chars().count()) - end <= 2
}

#[cfg(test)]
mod tests;
