//! Programs for the person that systemd runs outside of the sandbox which it keeps the agent in:
//! what shows a window needs more than the agent may.

use std::ffi::OsStr;
use std::process::Command;

/// Returns the command that runs `program` as a service of its own, with these variables, and waits
/// for its end. The description stands in the journal in place of the command line.
pub fn by_systemd<'a>(
    options: &[&str],
    description: &str,
    variables: impl Iterator<Item = (&'a str, &'a str)>,
    program: &OsStr,
    arguments: &[&str],
) -> Command {
    let mut command = Command::new("systemd-run");
    command.args(["--user", "--quiet", "--collect", "--wait"]);
    command.args(options);
    command.arg(format!("--description=opkssh: {description}"));
    for (name, value) in variables {
        command.arg(format!("--setenv={name}={value}"));
    }
    command.arg("--").arg(program);
    // systemd puts variables in place of $NAME in a service's arguments
    command.args(arguments.iter().map(|argument| argument.replace('$', "$$")));
    command
}
