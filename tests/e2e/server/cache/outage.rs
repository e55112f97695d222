//! A provider that is down: who is known goes on logging in, and not for ever.

use std::fs;
use std::path::Path;

use opkssh_test_support::{Etc, Home, Part, Sshd, Verifier, left_out};
use serde_json::Value;

use crate::agent::servers::{Server, rules};
use crate::setup::{OPKSSH, Setup};

const HOUR: i64 = 3600;

/// As if all that was kept had been kept that long.
fn age(etc: &Etc, seconds: i64) {
    for file in fs::read_dir(etc.cache_dir()).unwrap() {
        let path = file.unwrap().path();
        let Ok(mut kept) = serde_json::from_slice::<Value>(&fs::read(&path).unwrap()) else {
            continue; // a lock
        };
        for time in ["fetched", "asked"] {
            if let Some(at) = kept["content"][time].as_i64() {
                kept["content"][time] = (at - seconds).into();
            }
        }
        fs::write(&path, kept.to_string()).unwrap();
    }
}

fn ssh(server: &Server, home: &Home) -> bool {
    let run = server.plain_ssh(home).arg("echo in").run();
    run.success() && run.stdout() == "in\n"
}

#[test]
fn an_hour_without_the_provider_and_more_than_a_day() {
    if left_out(&[Part::Provider, Part::Sshd]) {
        return;
    }
    let setup = Setup::new();
    setup.login(&[]);
    let etc = rules(&setup.provider, "1week").with_cache();
    let binary = Path::new(OPKSSH);
    let verifier = Verifier::Ours { binary, etc: &etc };
    let sshd = Sshd::start(verifier, &setup.provider.ca_file());
    let server = Server {
        sshd,
        etc,
        peer: None,
    };
    setup.knows(&[&server.sshd]);
    assert!(ssh(&server, &setup.home), "{}", server.logs(&setup.home));

    setup.provider.close();
    age(&server.etc, HOUR + 60);
    assert!(ssh(&server, &setup.home), "{}", server.logs(&setup.home));
    let log = server.etc.log();
    assert!(log.contains("using keys of "), "{log}");

    age(&server.etc, 24 * HOUR);
    assert!(!ssh(&server, &setup.home), "{}", server.etc.log());
    let log = server.etc.log();
    assert!(log.contains("failed to verify account="), "{log}");
    assert!(
        log.contains("past the time for which they may stand in"),
        "{log}"
    );

    setup.provider.open();
    age(&server.etc, 60);
    assert!(ssh(&server, &setup.home), "{}", server.logs(&setup.home));
}
