//! Shell globs for `repo:` identities, with the syntax of Go's `path.Match`.

/// The pattern is malformed (an unclosed `[`, a trailing `\`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("malformed pattern")]
pub struct Malformed;

/// Returns true if `pattern` matches all of `text`. `*` and `?` stop at `/`; `[a-z]` and `[^a-z]`
/// are classes; `\` escapes the next character; `**` is two stars.
///
/// A malformed pattern is always an error, even if the text differs before its malformed part.
/// Takes time proportional to pattern × text.
pub fn matches(pattern: &str, text: &str) -> Result<bool, Malformed> {
    let pattern = parse(pattern)?;
    let text: Vec<char> = text.chars().collect();
    // reached[i]: the pattern so far can end before text[i]
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for part in &pattern {
        let mut next = vec![false; text.len() + 1];
        match part {
            Part::Star => {
                let mut open = false;
                for i in 0..=text.len() {
                    open |= reached[i];
                    next[i] = open;
                    open &= text.get(i).is_some_and(|c| *c != '/');
                }
            }
            one => {
                for (i, c) in text.iter().enumerate() {
                    next[i + 1] = reached[i] && one.takes(*c);
                }
            }
        }
        reached = next;
    }
    Ok(reached[text.len()])
}

enum Part {
    Star,
    AnyOne,
    Literal(char),
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Part {
    fn takes(&self, c: char) -> bool {
        match self {
            Self::Star => false,
            Self::AnyOne => c != '/',
            Self::Literal(own) => c == *own,
            Self::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

fn parse(pattern: &str) -> Result<Vec<Part>, Malformed> {
    let mut parts = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        parts.push(match c {
            '*' => Part::Star,
            '?' => Part::AnyOne,
            '\\' => Part::Literal(rest.next().ok_or(Malformed)?),
            '[' => class(&mut rest)?,
            c => Part::Literal(c),
        });
    }
    Ok(parts)
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Part, Malformed> {
    let negated = rest.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            return Ok(Part::Class { negated, ranges });
        }
        let low = bound(rest)?;
        let high = if rest.next_if_eq(&'-').is_some() {
            bound(rest)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn bound(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, Malformed> {
    match rest.next() {
        None | Some('-' | ']') => Err(Malformed),
        Some('\\') => rest.next().ok_or(Malformed),
        Some(c) => Ok(c),
    }
}

#[cfg(test)]
mod tests;
