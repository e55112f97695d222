use super::*;

fn parse(text: &str) -> Result<Description, String> {
    Description::parse(text.as_bytes())
}

#[test]
fn the_command_is_split_into_words() {
    let plugin = parse("name: one\ncommand: /bin/x 'a b' \"$HOME\" c\\ d ;\nmore: 1\n").unwrap();
    assert_eq!(
        (plugin.name.as_str(), plugin.program.as_str()),
        ("one", "/bin/x")
    );
    assert_eq!(plugin.arguments, ["a b", "$HOME", "c d", ";"]);
}

#[test]
fn row_120_a_blank_command_is_no_plugin() {
    for command in ["' '", "\"\\t\"", "''", "", "\"''\""] {
        let error = parse(&format!("name: x\ncommand: {command}\n")).unwrap_err();
        assert_eq!(error, "no command", "{command}");
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
