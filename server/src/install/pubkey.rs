//! Finds settings of sshd that refuse opkssh certificates regardless of verify.

use super::SshdSettings;

/// A certificate type, its signature algorithm, and what uses it.
const KEYS: [(&str, &str, &str); 2] = [
    (
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256",
        "P-256 keys, the default of opkssh login",
    ),
    (
        "ssh-ed25519-cert-v01@openssh.com",
        "ssh-ed25519",
        "Ed25519 keys",
    ),
];

/// Returns the settings that make sshd refuse our certificates, with the reason.
pub fn refusals(settings: &SshdSettings) -> Vec<String> {
    if settings.get("pubkeyauthentication") == Some("no") {
        return vec!["PubkeyAuthentication is no: sshd accepts no certificate".to_owned()];
    }
    let mut found = Vec::new();
    for (certificate, signature, keys) in KEYS {
        for (setting, wanted) in [
            ("PubkeyAcceptedAlgorithms", certificate),
            // its name before OpenSSH 8.5
            ("PubkeyAcceptedKeyTypes", certificate),
            ("CASignatureAlgorithms", signature),
        ] {
            let lacks = |list: &str| !list.split(',').any(|one| one == wanted);
            if settings.get(&setting.to_lowercase()).is_some_and(lacks) {
                found.push(format!(
                    "{setting} lacks {wanted}: sshd refuses certificates with {keys}"
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "port 22\npubkeyauthentication yes\n\
        pubkeyacceptedalgorithms ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com\n\
        casignaturealgorithms ssh-ed25519,ecdsa-sha2-nistp256\n";

    #[test]
    fn each_setting_that_refuses_is_named() {
        let refusals = |text: &str| super::refusals(&SshdSettings(text.to_owned()));
        assert_eq!(refusals(ALL), Vec::<String>::new());
        assert_eq!(refusals(""), Vec::<String>::new());
        let off = ALL.replace("pubkeyauthentication yes", "pubkeyauthentication no");
        assert_eq!(
            refusals(&off),
            ["PubkeyAuthentication is no: sshd accepts no certificate"]
        );
        let no_p256 = ALL.replace(",ecdsa-sha2-nistp256-cert-v01@openssh.com", "");
        assert_eq!(
            refusals(&no_p256),
            [
                "PubkeyAcceptedAlgorithms lacks ecdsa-sha2-nistp256-cert-v01@openssh.com: sshd \
                 refuses certificates with P-256 keys, the default of opkssh login"
            ]
        );
        let no_ed25519 = ALL.replace(
            "casignaturealgorithms ssh-ed25519,",
            "casignaturealgorithms ",
        );
        assert_eq!(
            refusals(&no_ed25519),
            [
                "CASignatureAlgorithms lacks ssh-ed25519: sshd refuses certificates with Ed25519 \
                 keys"
            ]
        );
    }
}
