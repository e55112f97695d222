//! Reads sshd's configuration as text. Every line counts, in any Match block.

use std::path::Path;

fn texts_of(config: &Path) -> impl Iterator<Item = String> {
    let beside = config.with_file_name("sshd_config.d");
    let more = std::fs::read_dir(beside).into_iter().flatten().flatten();
    std::iter::once(config.to_owned())
        .chain(more.map(|entry| entry.path()))
        .filter_map(|path| std::fs::read_to_string(path).ok())
}

/// Returns each AuthorizedKeysCommand that runs `verify`.
pub(super) fn verify_commands(config: &Path) -> Vec<String> {
    let command = |line: &str| {
        let (name, command) = line.trim().split_once([' ', '\t'])?;
        let is_one = name.eq_ignore_ascii_case("AuthorizedKeysCommand");
        (is_one && command.contains(" verify ")).then(|| command.trim().to_owned())
    };
    texts_of(config)
        .flat_map(|text| text.lines().filter_map(command).collect::<Vec<_>>())
        .collect()
}

/// Returns true if any line permits users to set environment variables.
pub(super) fn permits_environment(config: &Path) -> bool {
    texts_of(config).any(|text| {
        text.lines().any(|line| {
            let mut words = line
                .split([' ', '\t', '=', '"'])
                .filter(|word| !word.is_empty());
            words
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("PermitUserEnvironment"))
                && words
                    .next()
                    .is_some_and(|value| !value.eq_ignore_ascii_case("no"))
        })
    })
}
