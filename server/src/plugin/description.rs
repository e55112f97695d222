//! A plugin's file `policy.d/NAME.yml`: its name and its command.

use opkssh_protocol::yaml_error;
use serde::Deserialize;

use crate::table::{self, Unterminated};

/// The parsed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    /// The command as written in the file.
    pub command: String,
    program: String,
    arguments: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum DescriptionError {
    #[error("not UTF-8")]
    Encoding,
    #[error("{0}")]
    Yaml(String),
    #[error("no name")]
    Name,
    #[error("no command")]
    Command,
    #[error("the command cannot be split into words: {0}")]
    Words(#[from] Unterminated),
    #[error("the program {0:?} is not an absolute path")]
    Relative(String),
}

impl Description {
    /// Reads YAML with the keys `name` and `command`; skips others, as Go does. The command is
    /// split into words like in a shell, but runs without one.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptionError> {
        let text = std::str::from_utf8(bytes).map_err(|_| DescriptionError::Encoding)?;
        let file: Option<File> = serde_saphyr::from_str(text)
            .map_err(|error| DescriptionError::Yaml(yaml_error::one_line(&error)))?;
        let File { name, command } = file.unwrap_or_default();
        let name = name
            .filter(|name| !name.is_empty())
            .ok_or(DescriptionError::Name)?;
        let command = command.ok_or(DescriptionError::Command)?;
        let mut words = table::split(&command)?.into_iter();
        let program = words
            .next()
            .filter(|program| !program.is_empty())
            .ok_or(DescriptionError::Command)?;
        if !program.starts_with('/') {
            return Err(DescriptionError::Relative(program));
        }
        Ok(Self {
            name,
            program,
            arguments: words.collect(),
            command,
        })
    }

    /// Returns the program's absolute path.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Returns the arguments after the program.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }
}

#[derive(Default, Deserialize)]
struct File {
    name: Option<String>,
    command: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Description, DescriptionError> {
        Description::parse(text.as_bytes())
    }

    #[test]
    fn the_command_is_split_into_words() {
        let plugin =
            parse("name: one\ncommand: /bin/x 'a b' \"$HOME\" c\\ d ;\nmore: 1\n").unwrap();
        assert_eq!((plugin.name.as_str(), plugin.program()), ("one", "/bin/x"));
        assert_eq!(plugin.arguments(), ["a b", "$HOME", "c d", ";"]);
    }

    #[test]
    fn row_120_a_blank_command_is_no_plugin() {
        for command in ["' '", "\"\\t\"", "''", "", "\"''\""] {
            let error = parse(&format!("name: x\ncommand: {command}\n")).unwrap_err();
            assert!(matches!(error, DescriptionError::Command), "{command}");
        }
    }

    #[test]
    fn files_that_describe_nothing() {
        for text in [
            "",
            "command: /bin/x",
            "name: ''\ncommand: /bin/x",
            "name: x",
            "name: x\ncommand: relative",
            "name: x\ncommand: /bin/x 'open",
            "name: x\ncommand: [/bin/x]",
            "- a",
            "name: x\nname: y\ncommand: /bin/x",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        assert!(Description::parse(b"name: \xff\ncommand: /bin/x").is_err());
    }
}
