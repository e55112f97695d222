use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::serving::made::Key;
use crate::serving::source::Visibility;

fn line(listed: &str, key: &Key) -> String {
    format!("{listed} type {}\n", STANDARD.encode(key.blob()))
}

/// The agent's own known_hosts with this text, and a file of ssh's configuration.
struct Files(tempfile::TempDir);

impl Files {
    fn new(own: &str, configured: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("own"), own).unwrap();
        std::fs::write(directory.path().join("configured"), configured).unwrap();
        Self(directory)
    }

    fn predict(&self, name: &str, first: &str, new_key: NewHostKey) -> Prediction {
        let path = |name: &str| self.0.path().join(name);
        KnownHosts::new(vec![path("own")]).predict(&HostQuery {
            name: name.to_owned(),
            known_hosts: vec![path(first)],
            new_key,
        })
    }
}

/// Returns true if an account with these `hosts:` is shown.
fn shows(prediction: &Prediction, hosts: &[&str]) -> bool {
    let visibility = Visibility {
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        ..Visibility::default()
    };
    prediction.names.check(&visibility).is_ok()
}

fn key_of(prediction: &Prediction) -> &[u8] {
    &prediction.bindings.destination().unwrap().host_key.blob
}

#[test]
fn the_key_is_the_one_that_ssh_asks_for_first() {
    let (ed25519, p256) = (Key::ed25519(), Key::p256());
    let text = line("web", &p256) + &line("web,alias", &ed25519);
    let known = Files::new(&text, "").predict("web", "own", NewHostKey::Recorded);
    assert!(known.is_known);
    assert_eq!(key_of(&known), ed25519.blob());
    assert!(shows(&known, &["alias"]));
    let revoked = text + &line("@revoked *", &ed25519);
    let known = Files::new(&revoked, "").predict("web", "own", NewHostKey::Recorded);
    assert_eq!(key_of(&known), p256.blob());
    assert!(!shows(&known, &["alias"]) && shows(&known, &["web"]));
}

#[test]
fn a_line_with_the_port_goes_before_one_without() {
    let (one, other) = (Key::p256(), Key::ed25519());
    let text = line("[localhost]:2201", &one) + &line("localhost", &other);
    let files = Files::new(&text, "");
    for (name, key) in [
        ("[localhost]:2201", &one),
        ("[localhost]:2202", &other),
        ("localhost", &other),
    ] {
        let known = files.predict(name, "own", NewHostKey::Recorded);
        assert_eq!(key_of(&known), key.blob(), "{name}");
    }
    let hashed = line("web", &one).replace("web", "|1|AAAA|AAAA");
    assert!(
        !Files::new(&hashed, "")
            .predict("web", "own", NewHostKey::Recorded)
            .is_known
    );
}

#[test]
fn a_key_in_a_file_that_the_agent_does_not_read_gives_no_name() {
    let key = Key::ed25519();
    let files = Files::new("", &line("web", &key));
    let known = files.predict("web", "configured", NewHostKey::Recorded);
    assert!(known.is_known);
    assert_eq!(key_of(&known), key.blob());
    assert!(!shows(&known, &["web"]) && shows(&known, &[]));
}

#[test]
fn an_authority_of_hosts_vouches_for_the_name() {
    let authority = Key::ed25519();
    let files = Files::new(&line("@cert-authority *.example.com", &authority), "");
    let known = files.predict("web.example.com", "own", NewHostKey::Recorded);
    assert!(known.is_known);
    assert!(shows(&known, &["web.example.com"]) && !shows(&known, &["db.example.com"]));
    assert!(!files.predict("web", "own", NewHostKey::Recorded).is_known);
}

#[test]
fn a_new_key_has_its_name_once_ssh_has_recorded_it_where_the_agent_looks() {
    let files = Files::new("", "");
    for (first, new_key, by_name, by_pattern) in [
        ("own", NewHostKey::Recorded, true, true),
        ("own", NewHostKey::Hashed, true, false),
        ("own", NewHostKey::NotRecorded, false, false),
        ("configured", NewHostKey::Recorded, false, false),
    ] {
        let new = files.predict("web", first, new_key);
        assert!(!new.is_known);
        assert!(shows(&new, &[]));
        assert_eq!(shows(&new, &["web"]), by_name, "{first} {new_key:?}");
        assert_eq!(shows(&new, &["w*"]), by_pattern, "{first} {new_key:?}");
    }
    let forge = files.predict("github.com", "own", NewHostKey::Hashed);
    assert!(!shows(&forge, &[]) && shows(&forge, &["github.com"]));
}

#[test]
fn a_forge_is_one_whether_its_key_is_recorded_or_not() {
    for new_key in [
        NewHostKey::Recorded,
        NewHostKey::Hashed,
        NewHostKey::NotRecorded,
    ] {
        let forge = Files::new("", "").predict("github.com", "own", new_key);
        assert!(!shows(&forge, &[]) && !shows(&forge, &["*"]));
        let other = Files::new("", "").predict("web.example.com", "own", new_key);
        assert!(shows(&other, &[]));
    }
}
