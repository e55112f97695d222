//! Public forges by the host keys that they publish.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::digest::{SHA256, digest};

const PUBLISHED: &str = include_str!("forge_keys.txt");

/// Returns the name of the forge that publishes this host key.
pub fn publisher(key: &[u8]) -> Option<&'static str> {
    let fingerprint = STANDARD_NO_PAD.encode(digest(&SHA256, key));
    entries().find_map(|(name, published)| (published == fingerprint).then_some(name))
}

fn entries() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lines = PUBLISHED.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' '))
}

#[cfg(test)]
mod tests {
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
}
