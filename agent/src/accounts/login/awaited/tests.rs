use super::*;

fn bring(awaited: &Awaited, text: &str) -> Result<(), NotAwaited> {
    awaited.bring(&Secret::new(text.to_owned()))
}

fn redirect_uris() -> Vec<String> {
    [
        "http://localhost:3000/login-callback",
        "https://relay.example.com/x",
    ]
    .map(str::to_owned)
    .to_vec()
}

#[test]
fn an_answer_finds_its_login_by_the_state() {
    let awaited = Awaited::default();
    let (one, mut visits) = mpsc::channel(8);
    let (two, mut others) = mpsc::channel(8);
    let waiting = awaited.expect("s1", redirect_uris(), one);
    let _other = awaited.expect("s2", redirect_uris(), two);
    for text in [
        "http://localhost:3000/login-callback?code=c%2B1&state=s1",
        "localhost:3000/login-callback?code=c%2B1&state=s1",
        "/login-callback?code=c%2B1&state=s1",
        " 'https://relay.example.com/x?state=s1&code=c%2B1&iss=i#top' \n",
        "?code=c%2B1&state=s1",
        "code=c%2B1&state=s1",
        "c+1&s1",
    ] {
        bring(&awaited, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let visit = visits.try_recv().unwrap();
        assert_eq!(visit.parameter("code").as_deref(), Some("c+1"), "{text}");
    }
    bring(&awaited, "?error=access_denied&state=s1").unwrap();
    assert!(visits.try_recv().is_ok());
    assert!(others.try_recv().is_err());

    drop(waiting);
    assert!(matches!(
        bring(&awaited, "?code=c&state=s1"),
        Err(NotAwaited::Unknown)
    ));
}

#[test]
fn what_is_no_answer_reaches_no_login() {
    let awaited = Awaited::default();
    let (one, mut visits) = mpsc::channel(8);
    let _waiting = awaited.expect("s1", redirect_uris(), one);
    for text in [
        "",
        "yes",
        "s1",
        "http://localhost:3000/login-callback",
        "http://localhost:3000/?code=c",
        "http://localhost:3000/?state=s1",
        "http://a&s1",
        "a&b&s1",
        "code=c &state=s1",
    ] {
        let refused = bring(&awaited, text);
        assert!(matches!(refused, Err(NotAwaited::NoAnswer)), "{text:?}");
    }
    for text in ["?code=c&state=s2", "c&s2"] {
        let refused = bring(&awaited, text);
        assert!(matches!(refused, Err(NotAwaited::Unknown)), "{text:?}");
    }
    for address in [
        "http://localhost:3000/other-callback",
        "localhost:3000/login-callback/other",
        "http://localhost:3000/",
        "http://[/login-callback",
        "/x/login-callback",
    ] {
        let refused = bring(&awaited, &format!("{address}?code=c&state=s1"));
        assert!(
            matches!(refused, Err(NotAwaited::OtherAddress)),
            "{address}"
        );
    }
    assert!(visits.try_recv().is_err());
}
