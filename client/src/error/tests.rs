use super::*;
use crate::fake_daemon::places_in;

#[test]
fn the_hint_names_the_agent_that_the_command_is_about() {
    let own = places_in(std::path::Path::new("/home/u"));
    let separate = own.separate("/run/a b".into());
    let locked = |part| ClientError::Locked {
        part,
        reason: "locked".to_owned(),
    };
    for (error, word) in [
        (ClientError::NotRunning, "start"),
        (ClientError::ConnectionClosed, "restart"),
        (ClientError::Version { agent: 0 }, "restart"),
        (locked(LockedPart::Agent), "unlock"),
    ] {
        let (said, inconclusive) = (error.to_string(), error.is_inconclusive());
        let error = error.of_agent(&own);
        let command = format!(": opkssh agent {word}");
        let hint = error.hint().unwrap();
        assert!(hint.ends_with(&command), "{hint}");
        let error = error.of_agent(&separate);
        assert_eq!(error.hint().unwrap(), hint + " --socket '/run/a b'");
        assert_eq!(
            (error.to_string(), error.is_inconclusive()),
            (said, inconclusive)
        );
    }
}
