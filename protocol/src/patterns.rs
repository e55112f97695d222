//! Lists of host patterns, as in ssh_config(5) PATTERNS.

/// What a list of patterns says of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A negated pattern matches, whatever others do.
    Excluded,
    /// A pattern matches, and no negated one.
    Named,
    /// No pattern matches.
    Unmentioned,
}

/// Returns true if `host` satisfies `patterns` as a list of ssh_config's Host does: some pattern
/// matches, and no negated one.
pub fn host_matches(host: &str, patterns: &[String]) -> bool {
    verdict(&[host], patterns) == Verdict::Named
}

/// Returns true if `text` matches the single `pattern`; letter case counts (for names of users).
pub fn matches(pattern: &str, text: &str) -> bool {
    glob(pattern, text, |a, b| a == b)
}

/// Returns true if the name of a host matches the single `pattern`; letter case does not count.
pub fn matches_host(pattern: &str, host: &str) -> bool {
    glob(pattern, host, |a, b| a.eq_ignore_ascii_case(b))
}

/// Returns what `patterns` say of the host that all of `spellings` are names of.
pub fn verdict(spellings: &[&str], patterns: &[String]) -> Verdict {
    let matches = |pattern: &str| {
        let mut spellings = spellings.iter();
        spellings.any(|spelling| matches_host(pattern, spelling))
    };
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

/// Returns true if `text` matches `pattern`: `*` and `?` as in ssh_config(5) PATTERNS. (Each list for
/// a server asks dozens of times, so it allocates nothing.)
fn glob(pattern: &str, text: &str, is_same: impl Fn(&u8, &u8) -> bool) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // the last `*`, and the first byte after what it stands for
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == b'?' || is_same(c, &text[t]) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    p = star_p + 1;
                    t = star_t + 1;
                    star = Some((star_p, t));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// Returns true if some host matches both patterns.
pub fn overlap(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    // `after[j]`: the rest of `a` and `b[j..]` overlap
    let only_stars = |j: usize| b[j..].iter().all(|c| *c == b'*');
    let mut after: Vec<bool> = (0..=b.len()).map(only_stars).collect();
    for (i, x) in a.iter().enumerate().rev() {
        let mut row = vec![false; b.len() + 1];
        row[b.len()] = a[i..].iter().all(|c| *c == b'*');
        for (j, y) in b.iter().enumerate().rev() {
            row[j] = match (x, y) {
                (b'*', _) | (_, b'*') => after[j] || row[j + 1],
                _ => {
                    let is_same = *x == b'?' || *y == b'?' || x.eq_ignore_ascii_case(y);
                    is_same && after[j + 1]
                }
            };
        }
        after = row;
    }
    after[0]
}

#[cfg(test)]
mod tests;
