//! A plugin's file `policy.d/NAME.yml`: its name and its command.

use serde::Deserialize;

use crate::config::read_yaml;
use crate::table;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    /// The command as written in the file.
    pub command: String,
    /// Absolute path.
    pub program: String,
    pub arguments: Vec<String>,
}

impl Description {
    /// Reads YAML with the keys `name` and `command`; skips others, as Go does. The command is
    /// split into words like in a shell, but runs without one.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let file: Option<File> = read_yaml(bytes)?;
        let File { name, command } = file.unwrap_or_default();
        let name = name.filter(|name| !name.is_empty()).ok_or("no name")?;
        let command = command.ok_or("no command")?;
        let words = table::split(&command)
            .map_err(|error| format!("the command cannot be split into words: {error}"))?;
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty());
        let program = program.ok_or("no command")?;
        if !program.starts_with('/') {
            return Err(format!("the program {program:?} is not an absolute path"));
        }
        Ok(Self {
            name,
            program,
            arguments: words.collect(),
            command,
        })
    }
}

#[derive(Default, Deserialize)]
struct File {
    name: Option<String>,
    command: Option<String>,
}

#[cfg(test)]
mod tests;
