//! The account that verify runs as: a system account without a home and a shell, in a group of
//! its name.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::InstallError;
use crate::process;

const TOOLS: [&str; 2] = ["/usr/sbin", "/sbin"];
const DEADLINE: Duration = Duration::from_secs(30);

/// Numbers of an account and of the group of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
}

/// Finds the account, or makes it. `None`: it is missing and this is a rehearsal.
pub fn ensure_account(
    name: &str,
    rehearsal: bool,
    say: &mut dyn FnMut(&str),
) -> Result<Option<Identity>, InstallError> {
    if number("passwd", name).is_some() && number("group", name).is_some() {
        say(&format!("The account {name} is there."));
        return Ok(identity_of(name));
    }
    if rehearsal {
        say(&format!("Would make the system account and group {name}."));
        return Ok(identity_of(name));
    }
    let nologin = ["/usr/sbin/nologin", "/sbin/nologin"]
        .into_iter()
        .find(|path| Path::new(path).exists())
        .unwrap_or("/bin/false");
    if number("group", name).is_none() {
        run(name, "groupadd", &["--system", name])?;
    }
    if number("passwd", name).is_none() {
        let home = ["--home-dir", "/nonexistent", "--no-create-home"];
        let rest = ["--system", "--gid", name, "--shell", nologin, name];
        run(name, "useradd", &[&home[..], &rest[..]].concat())?;
    }
    say(&format!("Made the system account and group {name}."));
    let identity = identity_of(name).ok_or_else(|| InstallError::Account(name.to_owned()))?;
    Ok(Some(identity))
}

/// Returns the numbers of an account and of the group of its name.
pub fn identity_of(name: &str) -> Option<Identity> {
    Some(Identity {
        uid: number("passwd", name)?,
        gid: number("group", name)?,
    })
}

fn run(name: &str, tool: &str, words: &[&str]) -> Result<(), InstallError> {
    let program = TOOLS
        .into_iter()
        .map(|directory| Path::new(directory).join(tool))
        .find(|program| program.exists())
        .ok_or_else(|| InstallError::Account(name.to_owned()))?;
    let mut command = Command::new(program);
    command.args(words);
    process::answer(command, DEADLINE)?;
    Ok(())
}

/// The third column of `/etc/passwd` or `/etc/group`, or of what a directory service says.
fn number(database: &str, name: &str) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/etc/{database}")).unwrap_or_default();
    in_lines(&text, name).or_else(|| {
        let mut command = Command::new("getent");
        command.args([database, "--", name]);
        let text = process::answer(command, DEADLINE).ok()?;
        in_lines(&String::from_utf8_lossy(&text), name)
    })
}

fn in_lines(text: &str, name: &str) -> Option<u32> {
    text.lines().find_map(|line| {
        let mut columns = line.split(':');
        (columns.next()? == name).then(|| columns.nth(1)?.parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_exact_name() {
        let text = "root:x:0:0::/root:/bin/sh\nopksshuser2:x:5:\nopksshuser:x:998:\nbad:x:y:\n";
        assert_eq!(in_lines(text, "opksshuser"), Some(998));
        assert_eq!(in_lines(text, "root"), Some(0));
        for none in ["opkssh", "bad", "", "998"] {
            assert_eq!(in_lines(text, none), None, "{none}");
        }
    }
}
