use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use std::sync::Arc;

use super::*;
use crate::desktop::ask::Desktop;
use crate::desktop::surroundings::Surroundings;
use crate::serving::confirmation::AskPerson as _;

fn words(command: &Command) -> Vec<String> {
    let words = command.as_std().get_args();
    words.map(|word| word.to_string_lossy().into()).collect()
}

fn desktop(variables: &[(&str, &str)]) -> Desktop {
    let session = SessionEnvironment::pick(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    let surroundings = Arc::new(Surroundings::new(session, false));
    Desktop { surroundings }
}

fn script(directory: &Path, text: &str) -> String {
    let path = directory.join("askpass");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
}

fn question(choices: &[Choice]) -> Question {
    Question {
        summary: "Allow?".to_owned(),
        details: vec!["Why.".to_owned()],
        choices: choices.to_vec(),
        always_for: Vec::new(),
    }
}

#[test]
fn an_answer_is_one_of_the_choices() {
    let all = [
        Choice::Once,
        Choice::TenMinutes,
        Choice::Always,
        Choice::Refuse,
    ];
    let key = [Choice::Once, Choice::Refuse];
    for (answer, of_all, of_key) in [
        ("", Choice::TenMinutes, Choice::Once),
        ("YES", Choice::TenMinutes, Choice::Once),
        ("once", Choice::Once, Choice::Once),
        ("Always", Choice::Always, Choice::Refuse),
        ("no", Choice::Refuse, Choice::Refuse),
        ("yes please", Choice::Refuse, Choice::Refuse),
    ] {
        assert_eq!(
            choice(&question(&all), answer.as_bytes()),
            of_all,
            "{answer}"
        );
        assert_eq!(
            choice(&question(&key), answer.as_bytes()),
            of_key,
            "{answer}"
        );
    }
    let asked = text(&question(&all));
    assert_eq!(
        asked,
        "Allow?\nWhy.\nA yes counts for 10 minutes for this host."
    );
    assert_eq!(text(&question(&key)), "Allow?\nWhy.");
}

#[test]
fn the_program_gets_the_question_and_the_session() {
    let session = SessionEnvironment::pick(|name| match name {
        "DISPLAY" => Some(":1".to_owned()),
        "https_proxy" => Some("http://p".to_owned()),
        _ => None,
    });
    let question = "Allow use of key $HOME?";
    let direct = directly("/bin/ask", question, &session);
    assert_eq!(words(&direct), [question]);
    let variables: Vec<_> = direct.as_std().get_envs().map(|(name, _)| name).collect();
    assert_eq!(variables, ["DISPLAY", "SSH_ASKPASS_PROMPT"]);
    let outside = words(&by_systemd("/bin/ask", question, &session));
    assert_eq!(
        outside[outside.len() - 5..],
        [
            "--setenv=DISPLAY=:1",
            "--setenv=SSH_ASKPASS_PROMPT=confirm",
            "--",
            "/bin/ask",
            "Allow use of key $$HOME?"
        ]
    );
}

#[tokio::test]
async fn without_a_display_it_asks_only_if_that_is_forced() {
    let directory = tempfile::tempdir().unwrap();
    let program = script(directory.path(), "exit 0");
    let program = ("SSH_ASKPASS", &*program);
    let said = async |variables: &[(&str, &str)]| {
        let answer = desktop(variables).ask(&question(&[Choice::Once])).await;
        answer.map_err(|why| why.to_string())
    };
    let nobody = said(&[program]).await.unwrap_err();
    assert!(nobody.contains("no display to ask on"), "{nobody}");
    let require = |value| ("SSH_ASKPASS_REQUIRE", value);
    said(&[program, require("prefer")]).await.unwrap_err();
    assert_eq!(said(&[program, require("force")]).await, Ok(Choice::Once));
    assert_eq!(said(&[program, ("DISPLAY", ":1")]).await, Ok(Choice::Once));
    let missing = said(&[("SSH_ASKPASS", "/nowhere"), ("DISPLAY", ":1")]).await;
    assert!(missing.unwrap_err().starts_with("/nowhere: "));
}
