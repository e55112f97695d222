use super::*;

fn identity(name: &str, source: Origin) -> HostIdentity {
    HostIdentity {
        name: name.to_owned(),
        source,
        fingerprint: None,
        state: None,
    }
}

fn hidden(name: &str, reason: &str, hint: &str) -> HiddenIdentity {
    HiddenIdentity {
        identity: identity(name, Origin::Account),
        why: NotOffered::OtherHost,
        reason: reason.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

fn answer(view: HostView) -> HostAnswer {
    HostAnswer {
        reason: verdict("web", &view),
        name: "web".to_owned(),
        is_resolved: true,
        view: Some(view),
        ..HostAnswer::default()
    }
}

#[test]
fn five_identities_fit_a_small_terminal_verdict_first() {
    let socket = "/run/user/1000/keyring/ssh".to_owned();
    let mut stale = identity("work", Origin::Account);
    stale.state = Some(AccountState::Stale);
    let reason = "asked for through a forwarded agent for a server that its `hosts:` do not name \
                  (or that known_hosts does not know)";
    let said = answer(HostView {
        is_known: true,
        offered: vec![stale, identity("a\u{1b}b", Origin::Upstream { socket })],
        not_offered: vec![
            hidden("home", "its `hosts:` do not name the server", "add web"),
            hidden("lab", reason, "add web"),
            hidden("shop", reason, "add it to the others"),
        ],
        left_out: 0,
    });
    assert_eq!(said.status(), 0);
    let page = said.page();
    let expected = "\
web would see 2 of 5 identities
   1  work                          account
      stale; renewed when ssh connects
   2  a\\u{1b}b                      upstream /run/user/1000/keyring/ssh
   -  home                          account
      not offered: its `hosts:` do not name the server
   -  lab                           account
      not offered: asked for through a forwarded agent for a server that its
      `hosts:` do not name (or that known_hosts does not know)
";
    assert!(page.starts_with(expected), "{page}");
    assert!(page.ends_with("\nhint: add web\nhint: add it to the others"));
    assert!(page.lines().count() < 24, "{page}");
    assert!(page.lines().all(|line| line.chars().count() < 80), "{page}");
}

#[test]
fn the_exit_status_is_1_if_the_server_would_see_nothing_and_3_if_that_is_not_known() {
    let nothing = HostView {
        is_known: false,
        offered: Vec::new(),
        not_offered: Vec::new(),
        left_out: 0,
    };
    let said = answer(nothing.clone());
    assert_eq!(said.status(), 1);
    let page = "web would see no identity: the agent has none\nknown_hosts has no key for it";
    assert_eq!(said.page(), page);
    let one = answer(HostView {
        not_offered: vec![hidden("home", "no", "add it")],
        ..nothing
    });
    assert_eq!(one.reason, "web would see none of 1 identity");
    assert_eq!(one.status(), 1);
    let unknown = HostAnswer {
        is_inconclusive: true,
        ..HostAnswer::default()
    };
    assert_eq!(unknown.status(), 3);
}

#[test]
fn a_host_is_typed_as_for_ssh_or_as_in_known_hosts() {
    for (typed, args) in [
        ("web", &["--", "web"][..]),
        ("a@b@web", &["-l", "a@b", "--", "web"]),
        ("[web]:2222", &["-p", "2222", "--", "web"]),
        ("a@[::1]:22", &["-l", "a", "-p", "22", "--", "::1"]),
        ("ssh://a@web:2222", &["--", "ssh://a@web:2222"]),
        ("-oProxyCommand=x", &["--", "-oProxyCommand=x"]),
    ] {
        assert_eq!(Destination::parse(typed).ssh_args(), args, "{typed}");
    }
}
