use super::super::made::{Certificate, Key};
use super::*;

const NOW: UnixTime = UnixTime(1_800_000_000);

/// A server's key, or certificate, and a user's known_hosts files.
struct Met {
    key: Key,
    host_key: HostKey,
}

impl Met {
    fn new() -> Self {
        let key = Key::ed25519();
        let host_key = HostKey::parse(&key.blob()).unwrap();
        Self { key, host_key }
    }

    fn certified(make: impl FnOnce(&Key) -> Vec<u8>) -> Self {
        let key = Key::ed25519();
        let host_key = HostKey::parse(&make(&key)).unwrap();
        Self { key, host_key }
    }

    /// A line that lists `names` for the key.
    fn line(&self, names: &str) -> String {
        line(names, &self.key)
    }

    fn satisfies(&self, known_hosts: &str, patterns: &[&str]) -> bool {
        self.names(known_hosts).satisfy(&owned(patterns))
    }

    fn names(&self, known_hosts: &str) -> Names {
        let mut names = Names::default();
        names.read(known_hosts, &self.host_key, NOW);
        names
    }

    fn look_up(&self, files: &[&[u8]]) -> Names {
        let directory = tempfile::tempdir().unwrap();
        let path = |number: usize| directory.path().join(number.to_string());
        for (number, bytes) in files.iter().enumerate() {
            std::fs::write(path(number), bytes).unwrap();
        }
        // and one that is not there
        let known_hosts = KnownHosts::new((0..=files.len()).map(path).collect());
        known_hosts.look_up(&self.host_key, Announcement::default())
    }
}

fn line(names: &str, key: &Key) -> String {
    format!(
        "{names} ssh-ed25519 {} comment\n",
        STANDARD.encode(key.blob())
    )
}

fn hash(name: &str) -> String {
    let salt = [7; 20];
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &salt);
    let hash = STANDARD.encode(hmac::sign(&key, name.as_bytes()));
    format!("|1|{}|{hash}", STANDARD.encode(salt))
}

fn owned(list: &[&str]) -> Visibility {
    Visibility {
        hosts: list.iter().map(|&pattern| pattern.to_owned()).collect(),
        ..Visibility::default()
    }
}

#[test]
fn a_public_forge_must_be_named_exactly_under_whatever_name_its_key_is_known() {
    let met = Met::new();
    let other = met.line("build.example.com");
    for forge in ["github.com", "GitHub.com,192.0.2.1", "[github.com]:22"] {
        for text in [met.line(forge) + &other, other.clone() + &met.line(forge)] {
            let names = met.names(&text);
            for (hosts, expected) in [
                (&["*"][..], false),
                (&["build.example.com"], false),
                (&["*.com", "git*"], false),
                (&["github.com"], true),
                (&["*.example.org", "GITHUB.com"], true),
                (&["github.com", "!build*"], false),
            ] {
                assert_eq!(names.satisfy(&owned(hosts)), expected, "{text} {hosts:?}");
            }
            assert!(names.is_forge(&owned(&[])));
        }
    }
    let hashed = met.names(&met.line(&hash("github.com")));
    assert!(hashed.is_forge(&owned(&[])) && !hashed.satisfy(&owned(&["*"])));
    assert!(hashed.satisfy(&owned(&["github.com"])));
    assert!(!met.names(&other).is_forge(&owned(&[])));
    // the list is the person's
    let mut visibility = owned(&["*.example.com"]);
    assert!(met.names(&other).satisfy(&visibility));
    visibility.public_forges = vec!["build.*".to_owned()];
    assert!(!met.names(&other).satisfy(&visibility));
    visibility.public_forges.clear();
    assert!(
        met.names(&met.line("github.com,a.example.com"))
            .satisfy(&visibility)
    );
}

#[test]
fn a_server_that_nothing_knows_has_the_name_that_ssh_was_asked_for() {
    let met = Met::new();
    let asked_for = |known_hosts: &str, name: &str| {
        let mut names = met.names(known_hosts);
        names.asked_for = vec![Name::Plain(name.to_owned())];
        names
    };
    let visibility = owned(&["*.example.com", "github.com"]);
    let unknown = asked_for("", "web.example.com");
    assert!(unknown.satisfy_unknown(&visibility) && !unknown.satisfy(&visibility));
    assert!(!asked_for("", "web.example.org").satisfy_unknown(&visibility));
    // a forge whose key is not published
    assert!(asked_for("", "github.com").satisfy_unknown(&visibility));
    assert!(!asked_for("", "github.com").satisfy_unknown(&owned(&["*"])));
    assert!(asked_for("", "github.com").is_forge(&owned(&[])));
    let known = asked_for(&met.line("web.example.org"), "web.example.com");
    assert!(!known.satisfy_unknown(&visibility));
}

#[test]
fn names_come_from_lines_with_this_key() {
    let met = Met::new();
    let text = met.line("web1.example.com,10.0.0.1");
    for (patterns, expected) in [
        (&["*.example.com"][..], true),
        (&["10.0.0.1"], true),
        (&["*.example.org"], false),
        (&[], false),
    ] {
        assert_eq!(met.satisfies(&text, patterns), expected, "{patterns:?}");
    }
    assert!(!met.satisfies(&Met::new().line("web1"), &["*"]));
    assert!(!met.names(&Met::new().line("web1")).are_known());
    for pattern in ["localhost", "[localhost]:2222"] {
        assert!(met.satisfies(&met.line("[localhost]:2222"), &[pattern]));
    }
}

#[test]
fn patterns_and_comments_name_nothing() {
    let met = Met::new();
    assert!(!met.satisfies(&met.line("# web"), &["*"]));
    assert!(!met.satisfies(&met.line("*.example.com,!web"), &["*"]));
    assert!(met.names(&met.line("*.example.com")).are_known());
}

#[test]
fn a_revoked_key_names_nothing_whatever_else_is_listed() {
    let met = Met::new();
    let text = met.line("web") + &met.line("@revoked web");
    assert!(!met.satisfies(&text, &["*"]));
    assert!(met.names(&text).are_known());
    let authority = Key::ed25519();
    let met = Met::certified(|key| Certificate::new(key, &authority, &["web"]).blob());
    let text = line("@cert-authority *", &authority);
    assert!(met.satisfies(&text, &["web"]));
    assert!(!met.satisfies(&(text + &line("@revoked *", &authority)), &["web"]));
}

#[test]
fn hashed_names_match_whole_names_only() {
    let met = Met::new();
    let text = met.line(&hash("web1.example.com"));
    for (patterns, expected) in [
        (&["web1.example.com"][..], true),
        (&["WEB1.example.com"], true),
        (&["*.example.com"], false),
        (&["web1.example.com", "!web1.example.com"], false),
        // once known, it is a name as any other
        (&["web1.example.com", "!*.example.com"], false),
    ] {
        assert_eq!(met.satisfies(&text, patterns), expected, "{patterns:?}");
    }
    let text = met.line(&hash("[web1]:2222"));
    assert!(met.satisfies(&text, &["[web1]:2222"]));
    assert!(!met.satisfies(&text, &["[web1]:2222", "!web1"]));
}

#[test]
fn a_negated_pattern_excludes_by_any_name_on_any_line_of_any_file() {
    let met = Met::new();
    let patterns = owned(&["*", "!prod"]);
    let names = ["web,prod", "prod,web", "web,[prod]:2222"];
    for text in names.map(|names| met.line(names)) {
        assert!(!met.names(&text).satisfy(&patterns), "{text}");
    }
    let (web, prod) = (met.line("web"), met.line("prod"));
    let hashed = met.line(&hash("prod"));
    for text in [
        web.clone() + &prod,
        prod.clone() + &web,
        web.clone() + &hashed,
    ] {
        assert!(!met.names(&text).satisfy(&patterns), "{text}");
    }
    for second in [&prod, &hashed] {
        let names = met.look_up(&[web.as_bytes(), second.as_bytes()]);
        assert!(!names.satisfy(&patterns));
    }
    assert!(met.look_up(&[web.as_bytes()]).satisfy(&patterns));
}

#[test]
fn a_byte_that_is_no_text_hides_no_line() {
    let met = Met::new();
    let (web, prod) = (met.line("web"), met.line("prod"));
    let file = [web.as_bytes(), b"# caf\xe9\n", prod.as_bytes()].concat();
    let names = met.look_up(&[&file]);
    assert!(names.are_known());
    assert!(names.satisfy(&owned(&["web"])));
    assert!(!names.satisfy(&owned(&["web", "!prod"])));
    assert!(!names.satisfy(&owned(&["db"])));
    let beside_the_key = met.line("b\u{fffd}d,web").replace('\u{fffd}', "\0");
    let mut beside_the_key = beside_the_key.into_bytes();
    beside_the_key[1] = 0xff;
    assert!(met.look_up(&[&beside_the_key]).satisfy(&owned(&["web"])));
}

#[test]
fn a_file_that_cannot_be_read_leaves_no_server_unknown() {
    let met = Met::new();
    assert!(!met.look_up(&[]).are_known());
    let directory = tempfile::tempdir().unwrap();
    let known_hosts = KnownHosts::new(vec![directory.path().to_owned()]);
    assert!(
        known_hosts
            .look_up(&met.host_key, Announcement::default())
            .are_known()
    );
}

#[test]
fn a_certificate_has_the_names_that_its_authority_is_listed_for() {
    let authority = Key::p256();
    let names = ["web1.example.com", "db.example.org"];
    let met = Met::certified(|key| Certificate::new(key, &authority, &names).blob());
    for (listed, patterns, expected) in [
        (
            "@cert-authority *.example.com",
            &["web1.example.com"][..],
            true,
        ),
        ("@cert-authority *.example.com", &["db.example.org"], false),
        ("@cert-authority *.example.com", &["*", "!web1*"], false),
        ("@cert-authority *,!web1*", &["web1*"], false),
        ("@cert-authority *,!web1*", &["db*"], true),
        (
            "@cert-authority [*.example.com]:2222",
            &["[web1.example.com]:2222"],
            true,
        ),
        (
            "@cert-authority [*.example.com]:2222",
            &["web1.example.com"],
            true,
        ),
        (
            "@cert-authority [*.example.com]:2222",
            &["[web1.example.com]:22"],
            false,
        ),
        ("@cert-authority [*]:*", &["db.example.org"], true),
        // the line must say that it is an authority
        ("web1.example.com", &["*"], false),
    ] {
        let text = line(listed, &authority);
        assert_eq!(
            met.satisfies(&text, patterns),
            expected,
            "{listed} {patterns:?}"
        );
    }
    let text = line(&format!("@cert-authority {}", hash(names[0])), &authority);
    assert!(met.satisfies(&text, &["web1*"]) && !met.satisfies(&text, &["db*"]));
    // nobody listed this one
    let other = line("@cert-authority *", &Key::p256());
    assert!(!met.names(&other).are_known());
}

#[test]
fn a_certificate_that_is_not_valid_now_has_no_names_but_those_of_its_key() {
    let authority = Key::ed25519();
    let met = Met::certified(|key| {
        let mut expired = Certificate::new(key, &authority, &["web1"]);
        expired.valid_before = u64::try_from(NOW.0).unwrap();
        expired.blob()
    });
    let text = line("@cert-authority *", &authority);
    assert!(!met.satisfies(&text, &["web1"]));
    assert!(met.names(&text).are_known());
    assert!(met.satisfies(&(text + &met.line("web2")), &["web2"]));
}
