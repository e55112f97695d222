use base64::engine::general_purpose::STANDARD;
use opkssh_protocol::config::known_public_forges;

use super::*;

#[test]
fn published_keys_are_known_by_their_forge() {
    for (forge, key) in [
        (
            "github.com",
            "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl",
        ),
        (
            "gitlab.com",
            "AAAAC3NzaC1lZDI1NTE5AAAAIAfuCHKVTjquxvt6CM6tdG4SLp1Btn/nOeHHE5UOzRdf",
        ),
        (
            "codeberg.org",
            "AAAAC3NzaC1lZDI1NTE5AAAAIIVIC02vnjFyL+I4RHfvIGNtOgJMe769VTF1VR4EB3ZB",
        ),
        (
            "bitbucket.org",
            "AAAAC3NzaC1lZDI1NTE5AAAAIIazEu89wgQZ4bqs3d63QSMzYVa0MuJ2e2gKTKqu+UUO",
        ),
        (
            "git.sr.ht",
            "AAAAC3NzaC1lZDI1NTE5AAAAIMZvRd4EtM7R+IHVMWmDkVU3VLQTSwQDSAvW0t2Tkj60",
        ),
    ] {
        let key = STANDARD.decode(key).unwrap();
        assert_eq!(publisher(&key), Some(forge));
    }
    assert_eq!(publisher(b"another"), None);
}

#[test]
fn every_entry_is_whole_and_of_a_forge_on_the_list() {
    let forges = known_public_forges();
    for (name, fingerprint) in entries() {
        let digest = STANDARD_NO_PAD.decode(fingerprint).unwrap();
        assert_eq!(digest.len(), 32, "{name}");
        assert!(forges.iter().any(|forge| forge == name), "{name}");
    }
    assert_eq!(entries().count(), 15);
}
