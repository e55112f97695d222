use super::*;

#[test]
fn the_browser_gets_the_session_and_no_proxies() {
    let session = SessionEnvironment::pick(|name| match name {
        "DISPLAY" => Some(":1".to_owned()),
        "https_proxy" => Some("http://p".to_owned()),
        _ => None,
    });
    let (program, url) = (Path::new("/bin/opkssh"), "https://id.example.com/a?$HOME");
    let words = |command: &Command| -> Vec<String> {
        let words = command.get_args().map(|word| word.to_string_lossy().into());
        words.collect()
    };
    let direct = directly(program, url, &session);
    assert_eq!(words(&direct), ["agent", "browse", url]);
    let variables: Vec<_> = direct.get_envs().map(|(name, _)| name).collect();
    assert_eq!(variables, ["DISPLAY"]);
    let outside = words(&by_systemd(program, url, &session));
    assert_eq!(
        outside[outside.len() - 6..],
        [
            "--setenv=DISPLAY=:1",
            "--",
            "/bin/opkssh",
            "agent",
            "browse",
            "https://id.example.com/a?$$HOME"
        ]
    );
    assert!(outside.contains(&"--description=opkssh: open the browser".to_owned()));
}
