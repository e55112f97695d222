//! `opkssh agent`.

use opkssh_client::{
    AgentSettings, EnvArgs, RestartArgs, StartArgs, StatusArgs, StopArgs, agent_env, agent_restart,
    agent_start, agent_stop, status,
};
use opkssh_protocol::control::{Event, Failure, Request};

use crate::fake_daemon::{FakeDaemon, Home, report};
use crate::shown;

#[test]
fn agent_commands_speak_to_the_shell() {
    let home = Home::new();
    let sh = EnvArgs {
        sh: true,
        ..EnvArgs::default()
    };
    let socket = home.places.agent_socket();
    let variable = format!(
        "SSH_AUTH_SOCK={0}; export SSH_AUTH_SOCK;\n",
        socket.display()
    );
    let mut warned = Vec::new();
    let said = shown(|out| agent_env(&sh, &home.places, out, &mut warned));
    assert_eq!(said, variable);
    let warning = "Warning: the agent is not running\nhint: start it: opkssh agent start\n";
    assert_eq!(String::from_utf8(warned).unwrap(), warning);
    assert_eq!(
        shown(|out| agent_stop(&StopArgs::default(), &home.places, out)),
        "The agent is not running.\n"
    );

    FakeDaemon::start(&home, |request| match request {
        Request::Stop => vec![Event::Stopping],
        _ => vec![report(Vec::new())],
    });
    let pid = "SSH_AGENT_PID=4242; export SSH_AGENT_PID;\n";
    let start = |store: Option<&str>| StartArgs {
        settings: AgentSettings {
            store: store.map(str::to_owned),
            ..AgentSettings::default()
        },
        shell: sh.clone(),
        json: false,
    };
    let mut warned = Vec::new();
    let said = shown(|out| agent_env(&sh, &home.places, out, &mut warned));
    assert_eq!(said, format!("{variable}{pid}"));
    assert_eq!(warned, b"");
    assert_eq!(
        shown(|out| agent_start(&start(None), &home.places, out)),
        format!("{variable}{pid}echo Agent pid 4242;\n")
    );
    for store in ["memory", "auto"] {
        assert_eq!(
            shown(|out| agent_start(&start(Some(store)), &home.places, out)),
            format!("{variable}{pid}echo Agent pid 4242;\n")
        );
    }
    let mut out = Vec::new();
    let error = agent_start(&start(Some("keyring")), &home.places, &mut out).unwrap_err();
    let message = "an agent runs already, without --store keyring: it has memory";
    assert_eq!(error.to_string(), message);
    assert!(error.hint().unwrap().contains("opkssh agent restart --s"));
    assert!(out.is_empty());
    assert_eq!(
        shown(|out| agent_stop(&StopArgs::default(), &home.places, out)),
        "The agent has stopped.\n"
    );
}

#[test]
fn a_daemon_of_another_version_can_be_ended_and_is_not_restarted_blindly() {
    let home = Home::new();
    let daemon = FakeDaemon::start_version(&home, 1, |request| match request {
        Request::Stop => vec![Event::Stopping],
        _ => vec![Event::Failed {
            failure: Failure {
                message: "this command speaks version 2".into(),
                ..Failure::default()
            },
        }],
    });
    let out = &mut Vec::new();
    let refused = agent_restart(&RestartArgs::default(), &home.places, out).unwrap_err();
    assert!(
        refused.to_string().contains("speaks version 1 of"),
        "{refused}"
    );
    assert!(refused.hint().unwrap().contains("restart --force"));
    let asked = |daemon: &FakeDaemon| daemon.asked().last().unwrap()["request"].clone();
    assert_eq!(asked(&daemon), "status", "it runs on");
    let refused = agent_stop(&StopArgs::default(), &home.places, out).unwrap_err();
    assert!(refused.hint().unwrap().contains("stop --force"));
    assert_eq!(asked(&daemon), "status", "it runs on");
    agent_stop(
        &StopArgs {
            force: true,
            ..StopArgs::default()
        },
        &home.places,
        out,
    )
    .unwrap();
    assert_eq!(asked(&daemon), "stop");
    assert_eq!(String::from_utf8_lossy(out), "The agent has stopped.\n");
}

#[test]
fn force_is_only_advised_together_with_what_it_loses() {
    let home = Home::new();
    let _daemon = FakeDaemon::start(&home, |_| vec![Event::RedirectTaken]);
    let out = &mut Vec::new();
    let refused = status(&StatusArgs::default(), &home.places, out).unwrap_err();
    assert_eq!(
        refused.hint().unwrap(),
        "restart it: opkssh agent restart",
        "{refused}"
    );
    let refused = agent_restart(&RestartArgs::default(), &home.places, out);
    let refused = refused.err().unwrap();
    let what = "its settings and its logins in memory are unknown";
    assert!(refused.to_string().ends_with(what), "{refused}");
    assert_eq!(
        refused.hint().unwrap(),
        "if you can log in again afterwards: opkssh agent restart --force"
    );
}
