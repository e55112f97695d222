//! Lists of host patterns, as in ssh_config(5) PATTERNS.

/// What a list of patterns says of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A negated pattern matches, whatever others do.
    Excluded,
    Named,
    Unmentioned,
}

/// Returns true if `host` satisfies `patterns` as a list of ssh_config's Host does: some pattern
/// matches, and no negated one.
pub fn host_matches(host: &str, patterns: &[String]) -> bool {
    verdict(&[host], patterns) == Verdict::Named
}

/// Returns what `patterns` say of the host that all of `spellings` are names of.
pub fn verdict(spellings: &[&str], patterns: &[String]) -> Verdict {
    let matches = |pattern: &str| spellings.iter().any(|spelling| glob(pattern, spelling));
    let mut verdict = Verdict::Unmentioned;
    for pattern in patterns {
        match pattern.strip_prefix('!') {
            Some(negated) if matches(negated) => return Verdict::Excluded,
            Some(_) => {}
            None if matches(pattern) => verdict = Verdict::Named,
            None => {}
        }
    }
    verdict
}

/// Returns true if `text` matches `pattern`: `*` and `?` as in ssh_config(5) PATTERNS; letter case
/// does not count in host names.
fn glob(pattern: &str, text: &str) -> bool {
    meet(pattern, text, |_| false)
}

/// Returns true if some host matches both patterns.
pub fn overlap(a: &str, b: &str) -> bool {
    meet(a, b, |byte| b"*?".contains(&byte))
}

/// Returns true if some text matches `a` and `b`, in which only what `is_wild` is a wildcard.
fn meet(a: &str, b: &str, is_wild: impl Fn(u8) -> bool) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let is_star = |byte: u8| byte == b'*' && is_wild(byte);
    // `after[j]`: the rest of `a` and `b[j..]` meet
    let only_stars = |j: usize| b[j..].iter().all(|byte| is_star(*byte));
    let mut after: Vec<bool> = (0..=b.len()).map(only_stars).collect();
    for (i, &x) in a.iter().enumerate().rev() {
        let mut row = vec![false; b.len() + 1];
        row[b.len()] = a[i..].iter().all(|byte| *byte == b'*');
        for (j, &y) in b.iter().enumerate().rev() {
            row[j] = if x == b'*' || is_star(y) {
                after[j] || row[j + 1]
            } else {
                (x == b'?' || is_wild(y) || x.eq_ignore_ascii_case(&y)) && after[j + 1]
            };
        }
        after = row;
    }
    after[0]
}

#[cfg(test)]
mod tests;
