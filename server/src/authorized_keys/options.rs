//! Options of an authorized_keys line (sshd(8), AUTHORIZED_KEYS FILE FORMAT). Their types cannot
//! contain text that ends the quotes, the option or the line.

use std::fmt;

use crate::cidr::Cidr;

/// Options to add to a line, made of checked parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    pub flags: Vec<Flag>,
    pub command: Option<Quoted>,
    pub from: Vec<Source>,
    pub permitopen: Vec<Endpoint>,
    pub permitlisten: Vec<Endpoint>,
    pub environment: Vec<(VariableName, Quoted)>,
    pub expiry_time: Option<ExpiryTime>,
}

/// An option without a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag(&'static str);

impl Flag {
    pub const RESTRICT: Self = Self("restrict");
    /// What `restrict` forbids: the options that permit it again, and that forbid it alone.
    pub const PAIRS: [(Self, Self); 5] = [
        (Self("agent-forwarding"), Self("no-agent-forwarding")),
        (Self("port-forwarding"), Self("no-port-forwarding")),
        (Self("pty"), Self("no-pty")),
        (Self("user-rc"), Self("no-user-rc")),
        (Self("X11-forwarding"), Self("no-X11-forwarding")),
    ];

    /// Returns sshd's name of the option.
    pub fn name(self) -> &'static str {
        self.0
    }
}

/// A command or a variable's value: one line of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quoted(String);

/// An element of `from`: an address, a CIDR block or a pattern of host names, optionally negated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source(String);

/// `host:port`, `[address]:port`, or for `permitlisten` a port alone; the port `*` is any port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableName(String);

/// `YYYYMMDD[HHMM[SS]][Z]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpiryTime(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsafeOption {
    #[error("it is empty or longer than {MAX_TEXT} bytes")]
    Length,
    #[error("it contains a line break or another control character")]
    Control,
    #[error("it ends in a backslash, which would escape the closing quote")]
    Backslash,
    #[error("{0:?} is not an address, CIDR block or host pattern")]
    Source(String),
    #[error("{0:?} is not HOST:PORT")]
    Endpoint(String),
    #[error("{0:?} is not a valid name of an environment variable")]
    VariableName(String),
    #[error("{0:?} is not YYYYMMDD[HHMM[SS]][Z]")]
    ExpiryTime(String),
}

/// Longest command or value, in bytes; sshd reads lines of at least 8 KiB.
const MAX_TEXT: usize = 2048;

impl Quoted {
    pub fn new(text: &str) -> Result<Self, UnsafeOption> {
        if text.is_empty() || text.len() > MAX_TEXT {
            Err(UnsafeOption::Length)
        } else if text.contains(|c: char| c.is_control() || "\u{2028}\u{2029}".contains(c)) {
            Err(UnsafeOption::Control)
        } else if text.ends_with('\\') {
            Err(UnsafeOption::Backslash)
        } else {
            Ok(Self(text.to_owned()))
        }
    }
}

impl Source {
    pub fn new(text: &str) -> Result<Self, UnsafeOption> {
        let good = |c: u8| c.is_ascii_alphanumeric() || b".-_:*?/%".contains(&c);
        let name = text.strip_prefix('!').unwrap_or(text).as_bytes();
        if name.is_empty() || name.len() > 255 || !name.iter().all(|c| good(*c)) {
            return Err(UnsafeOption::Source(text.to_owned()));
        }
        // with a slash it must be a block; sshd refuses the whole list otherwise
        if text.contains('/') && Self::block(text.trim_start_matches('!')).is_err() {
            return Err(UnsafeOption::Source(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Parses an address or a block in CIDR notation. Bits after the prefix must be zero, as sshd
    /// requires.
    pub fn block(text: &str) -> Result<Self, UnsafeOption> {
        let bad = |_| UnsafeOption::Source(text.chars().take(64).collect());
        Cidr::parse(text).map(Self::from).map_err(bad)
    }
}

impl From<Cidr> for Source {
    fn from(block: Cidr) -> Self {
        Self(block.to_string())
    }
}

impl Endpoint {
    pub fn open(text: &str) -> Result<Self, UnsafeOption> {
        let bad = || UnsafeOption::Endpoint(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let name = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let in_brackets = name.is_some();
        let good = |c: u8| {
            c.is_ascii_alphanumeric() || b".-_*".contains(&c) || (in_brackets && b":%".contains(&c))
        };
        let name = name.unwrap_or(host);
        if name.is_empty() || !name.bytes().all(good) || !is_port(port) {
            return Err(bad());
        }
        Ok(Self(text.to_owned()))
    }

    pub fn listen(text: &str) -> Result<Self, UnsafeOption> {
        match is_port(text) {
            true => Ok(Self(text.to_owned())),
            false => Self::open(text),
        }
    }
}

impl VariableName {
    pub fn new(text: &str) -> Result<Self, UnsafeOption> {
        let good = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
        let starts_well = text.starts_with(|c: char| !c.is_ascii_digit());
        match starts_well && text.len() <= 128 && text.bytes().all(good) {
            true => Ok(Self(text.to_owned())),
            false => Err(UnsafeOption::VariableName(text.to_owned())),
        }
    }
}

impl ExpiryTime {
    pub fn new(text: &str) -> Result<Self, UnsafeOption> {
        let bad = || UnsafeOption::ExpiryTime(text.to_owned());
        let digits = text.strip_suffix('Z').unwrap_or(text);
        if !digits.bytes().all(|c| c.is_ascii_digit()) {
            return Err(bad());
        }
        let format = match digits.len() {
            8 => "%Y%m%d",
            12 => "%Y%m%d%H%M",
            14 => "%Y%m%d%H%M%S",
            _ => return Err(bad()),
        };
        jiff::civil::Date::strptime(&format[..6], &digits[..8]).map_err(|_| bad())?;
        if digits.len() > 8 {
            jiff::civil::DateTime::strptime(format, digits).map_err(|_| bad())?;
        }
        Ok(Self(text.to_owned()))
    }
}

/// Writes each option with a comma in front, to follow another option.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for flag in &self.flags {
            write!(f, ",{}", flag.name())?;
        }
        if let Some(Quoted(command)) = &self.command {
            write!(f, ",command=\"{}\"", escaped(command))?;
        }
        if !self.from.is_empty() {
            let list: Vec<&str> = self.from.iter().map(|source| source.0.as_str()).collect();
            write!(f, ",from=\"{}\"", list.join(","))?;
        }
        for Endpoint(to) in &self.permitopen {
            write!(f, ",permitopen=\"{to}\"")?;
        }
        for Endpoint(at) in &self.permitlisten {
            write!(f, ",permitlisten=\"{at}\"")?;
        }
        for (VariableName(name), Quoted(value)) in &self.environment {
            write!(f, ",environment=\"{name}={}\"", escaped(value))?;
        }
        if let Some(ExpiryTime(time)) = &self.expiry_time {
            write!(f, ",expiry-time=\"{time}\"")?;
        }
        Ok(())
    }
}

/// Escapes a value. sshd knows one escape, `\"`; any other backslash is literal.
fn escaped(text: &str) -> String {
    text.replace('"', "\\\"")
}

fn is_port(text: &str) -> bool {
    text == "*"
        || text
            .parse::<u16>()
            .is_ok_and(|port| port > 0 && !text.starts_with('+'))
}

#[cfg(test)]
mod tests;
