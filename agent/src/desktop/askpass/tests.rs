use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;

fn words(command: &Command) -> Vec<String> {
    let words = command.as_std().get_args();
    words.map(|word| word.to_string_lossy().into()).collect()
}

fn askpass(variables: &[(&str, &str)]) -> Askpass {
    let session = SessionEnvironment::pick(|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    let surroundings = Surroundings::new(session, false);
    Askpass::new(Arc::new(surroundings))
}

fn script(directory: &Path, text: &str) -> String {
    let path = directory.join("askpass");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
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
        let answer = askpass(variables).confirm("?".to_owned(), false).await;
        answer.map_err(|why| why.to_string())
    };
    let nobody = said(&[program]).await.unwrap_err();
    assert!(nobody.starts_with("no display"), "{nobody}");
    let require = |value| ("SSH_ASKPASS_REQUIRE", value);
    said(&[program, require("prefer")]).await.unwrap_err();
    assert_eq!(said(&[program, require("force")]).await, Ok(true));
    assert_eq!(said(&[program, ("DISPLAY", ":1")]).await, Ok(true));
    let missing = said(&[("SSH_ASKPASS", "/nowhere"), ("DISPLAY", ":1")]).await;
    assert!(missing.unwrap_err().starts_with("/nowhere: "));
}

/// Each question takes a line from a pipe: it stands until the test writes one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_question_at_a_time_and_other_machines_keep_nobody_from_asking() {
    let directory = tempfile::tempdir().unwrap();
    let (asked, answers) = (
        directory.path().join("asked"),
        directory.path().join("answers"),
    );
    let made = std::process::Command::new("mkfifo").arg(&answers).status();
    assert!(made.unwrap().success());
    let text = format!(
        "echo asked >> {}; read answer < {}; [ \"$answer\" = yes ]",
        asked.display(),
        answers.display()
    );
    let program = script(directory.path(), &text);
    let askpass = askpass(&[("SSH_ASKPASS", &program), ("DISPLAY", ":1")]);
    let askpass = Arc::new(askpass);
    let ask = |is_forwarded| {
        let askpass = askpass.clone();
        tokio::spawn(async move { askpass.confirm("?".to_owned(), is_forwarded).await })
    };
    let forwarded = ask(true);
    while !asked.exists() {
        tokio::task::yield_now().await;
    }
    ask(true)
        .await
        .unwrap()
        .expect_err("one of another machine stands already");
    let mut local = tokio::task::JoinSet::new();
    for _ in 0..MAX_QUESTIONS {
        let askpass = askpass.clone();
        local.spawn(async move { askpass.confirm("?".to_owned(), false).await });
    }
    while askpass.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    ask(false).await.unwrap().expect_err("too many");
    let answer = async |text: &'static str| {
        let answers = answers.clone();
        let written = tokio::task::spawn_blocking(move || std::fs::write(answers, text));
        written.await.unwrap().unwrap();
    };
    answer("yes\n").await;
    assert!(forwarded.await.unwrap().unwrap());
    for number in 0..MAX_QUESTIONS {
        let shown = std::fs::read_to_string(&asked).unwrap().lines().count();
        assert!(shown <= number + 2, "{shown} at once");
        answer("no\n").await;
        assert!(!local.join_next().await.unwrap().unwrap().unwrap());
    }
}
