use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::super::made::{self, Certificate, Key};
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

impl Names {
    fn is_forge(&self, visibility: &Visibility) -> bool {
        self.forge(visibility) != Forge::No
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
        let mut names = Names {
            asked_for: vec![name.to_owned()],
            ..Names::default()
        };
        names.read(known_hosts, &met.host_key, NOW);
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
    // the name has another key
    let (other, certified) = (Met::new(), Key::p256());
    for (line, expected) in [
        (other.line("web.example.com"), false),
        (other.line("db,WEB.example.com"), false),
        (other.line("[web.example.com]:2222"), false),
        (other.line(&hash("web.example.com")), false),
        (other.line("*.example.com"), false),
        (line("@cert-authority *.example.com", &certified), false),
        (other.line("@revoked web.example.com"), true),
        (other.line("*,!web.example.com"), true),
        (other.line("db.example.com"), true),
    ] {
        let names = asked_for(&line, "web.example.com");
        assert_eq!(names.satisfy_unknown(&visibility), expected, "{line}");
        let why = names.check(&owned(&["db"]));
        assert_eq!(why == Err(Refusal::OtherKey), !expected, "{line}");
    }
}

#[test]
fn a_line_of_patterns_that_a_forge_matches_is_the_forge_s() {
    let met = Met::new();
    let mut visibility = owned(&[]);
    for (names, is_forge) in [
        ("git?ub.com,*.example.com", true),
        ("*.sr.ht", true),
        ("[ssh.github.com]:*", true),
        ("*", true),
        ("*.example.com", false),
        ("git*,!github.com", true),
        ("github.*,!github.com", false),
    ] {
        let names = met.names(&met.line(names));
        assert_eq!(names.is_forge(&visibility), is_forge);
        assert_eq!(names.check(&visibility).is_ok(), !is_forge);
    }
    visibility.public_forges = vec!["git.*".to_owned()];
    assert!(met.names(&met.line("*.example.com")).is_forge(&visibility));
}

#[test]
fn a_hashed_name_may_be_a_forge_where_forges_have_wildcards() {
    let met = Met::new();
    let web = met.line(&hash("web.example.com"));
    let mut visibility = owned(&[]);
    assert!(met.names(&web).check(&visibility).is_ok());
    visibility.public_forges = vec!["*.example.org".to_owned()];
    assert!(met.names(&web).check(&visibility).is_err());
    let why = met.names(&web).check(&visibility);
    assert_eq!(why, Err(Refusal::PerhapsForge));
    let mut asked_for = met.names(&web);
    asked_for.asked_for = vec!["web.example.com".to_owned()];
    assert!(asked_for.check(&visibility).is_ok());
    visibility.hosts = vec!["web.example.com".to_owned()];
    let two = web.clone() + &met.line(&hash("192.0.2.1"));
    assert!(met.names(&two).satisfy(&visibility));
    visibility.public_forges = vec!["web.*".to_owned()];
    assert!(met.names(&web).satisfy(&visibility));
    visibility.hosts = vec!["*".to_owned()];
    assert!(!met.names(&two).satisfy(&visibility));
}

#[test]
fn a_certificate_for_any_name_may_be_the_forge_s_of_its_authority_s_line() {
    let authority = Key::ed25519();
    for (principals, listed, is_forge) in [
        (&[][..], "*.github.com,github.com", true),
        (&["*.com"], "*.github.com,github.com", true),
        (&["web.example.com"], "*", false),
        (&[], "*.example.com", false),
        (&["github.com"], "*.com", true),
    ] {
        let met = Met::certified(|key| Certificate::new(key, &authority, principals).blob());
        let names = met.names(&line(&format!("@cert-authority {listed}"), &authority));
        assert_eq!(names.is_forge(&owned(&[])), is_forge, "{principals:?}");
    }
}

#[test]
fn a_published_key_is_the_forge_s_whatever_known_hosts_says() {
    let github = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let blob = STANDARD.decode(github).unwrap();
    let host_key = HostKey::parse(&blob).unwrap();
    let known_hosts = KnownHosts::new(Vec::new());
    let names = known_hosts.look_up(&host_key, Announcement::default());
    assert!(names.is_forge(&owned(&[])) && names.is_known);
    assert!(names.satisfy(&owned(&["github.com"])) && !names.satisfy(&owned(&["*"])));
}

#[test]
fn a_key_that_is_not_proved_only_hides_accounts() {
    let met = Met::new();
    let authority = Key::ed25519();
    let certificate = Certificate::new(&met.key, &authority, &[]).blob();
    let github = met.line("github.com");
    let revoked = met.line("@revoked *");
    let of_authority = line("@revoked *", &authority);
    for (blob, text, is_shown) in [
        (&met.key.blob(), met.line("web"), true),
        (&met.key.blob(), github.clone(), false),
        (&met.key.blob(), revoked, false),
        (&certificate, github, false),
        (&certificate, of_authority, false),
        (&made::strings(&[b"ssh-ed448", b"key"]), String::new(), true),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("known_hosts");
        std::fs::write(&file, &text).unwrap();
        let ssh = Announcement {
            names: vec!["web".to_owned()],
            known_hosts: Vec::new(),
            upstream: None,
        };
        let shown = UnprovedHostKey::parse(blob);
        let names = KnownHosts::new(vec![file]).look_up_unproved(&shown, ssh);
        assert_eq!(names.check(&owned(&[])).is_ok(), is_shown, "{text}");
        let web = owned(&["web"]);
        assert!(
            !names.satisfy(&web) && !names.satisfy_unknown(&web),
            "{text}"
        );
    }
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
    assert!(!met.names(&Met::new().line("web1")).is_known);
    for pattern in ["localhost", "[localhost]:2222"] {
        assert!(met.satisfies(&met.line("[localhost]:2222"), &[pattern]));
    }
}

#[test]
fn patterns_and_comments_name_nothing() {
    let met = Met::new();
    assert!(!met.satisfies(&met.line("# web"), &["*"]));
    assert!(!met.satisfies(&met.line("*.example.com,!web"), &["*"]));
    assert!(met.names(&met.line("*.example.com")).is_known);
}

#[test]
fn a_revoked_key_names_nothing_whatever_else_is_listed() {
    let met = Met::new();
    let text = met.line("web") + &met.line("@revoked web");
    assert!(!met.satisfies(&text, &["*"]));
    assert!(met.names(&text).is_known);
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
    assert!(names.is_known);
    assert!(names.satisfy(&owned(&["web"])));
    assert!(!names.satisfy(&owned(&["web", "!prod"])));
    assert!(!names.satisfy(&owned(&["db"])));
    let beside_the_key = met.line("b\u{fffd}d,web").replace('\u{fffd}', "\0");
    let mut beside_the_key = beside_the_key.into_bytes();
    beside_the_key[1] = 0xff;
    assert!(met.look_up(&[&beside_the_key]).satisfy(&owned(&["web"])));
}

#[test]
fn a_file_that_cannot_be_read_hides_accounts_from_every_server() {
    let met = Met::new();
    assert!(!met.look_up(&[]).is_known);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known_hosts");
    std::fs::write(&file, met.line("web")).unwrap();
    let known_hosts = KnownHosts::new(vec![file, directory.path().to_owned()]);
    let ssh = Announcement {
        names: vec!["web".to_owned()],
        known_hosts: Vec::new(),
        upstream: None,
    };
    let names = known_hosts.look_up(&met.host_key, ssh);
    let web = owned(&["web"]);
    assert!(!names.satisfy(&web) && !names.satisfy_unknown(&web));
    assert!(names.check(&owned(&[])).is_err());
    let why = names.check(&web);
    assert!(matches!(why, Err(Refusal::Unreadable(_))), "{why:?}");
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
    assert!(!met.names(&other).is_known);
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
    assert!(met.names(&text).is_known);
    assert!(met.satisfies(&(text + &met.line("web2")), &["web2"]));
}
