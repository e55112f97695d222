//! Behaviour of Go's client that depends only on the issuer: whether the client secret is sent, and
//! the default scopes.

/// Kind of provider, derived from the issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProviderClass {
    Google,
    /// Microsoft Entra ID.
    Azure,
    GitlabCi,
    Gitlab,
    Hello,
    GithubActions,
    ForgejoActions,
    Generic,
}

impl ProviderClass {
    /// Returns the class of the first matching rule, in the order of Go's client.
    pub fn of(issuer: &str, client_id: &str, aliases: &[String]) -> Self {
        let for_ci = client_id == "unused";
        if issuer.starts_with("https://accounts.google.com") {
            Self::Google
        } else if issuer.starts_with("https://login.microsoftonline.com") {
            Self::Azure
        } else if for_ci && aliases.iter().any(|alias| alias == "gitlab-ci") {
            Self::GitlabCi
        } else if issuer.strip_suffix('/').unwrap_or(issuer) == "https://gitlab.com" {
            Self::Gitlab
        } else if issuer == "https://issuer.hello.coop" {
            Self::Hello
        } else if issuer == "https://token.actions.githubusercontent.com" {
            Self::GithubActions
        } else if for_ci && issuer.ends_with("/api/actions") {
            Self::ForgejoActions
        } else {
            Self::Generic
        }
    }

    /// Returns true if a configured client secret is sent. The other classes treat clients as
    /// public and refuse a secret, so it is dropped, as in Go.
    pub fn takes_secret(self) -> bool {
        matches!(self, Self::Google | Self::Generic)
    }

    /// Returns true for CI providers, which log in with a job's token and never in a browser.
    pub fn is_ci(self) -> bool {
        matches!(
            self,
            Self::GitlabCi | Self::GithubActions | Self::ForgejoActions
        )
    }

    /// Returns the scopes to request if the configured list is empty.
    pub fn default_scopes(self) -> &'static str {
        match self {
            Self::Azure | Self::Hello => "openid profile email offline_access",
            Self::Gitlab => "openid email",
            _ => "openid profile email",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_matching_rule_decides() {
        let class = |issuer, client_id, alias: &str| {
            ProviderClass::of(issuer, client_id, &[alias.to_owned()])
        };
        for (issuer, client_id, alias, expected) in [
            (
                "https://accounts.google.com",
                "c",
                "",
                ProviderClass::Google,
            ),
            (
                "https://accounts.google.com/",
                "c",
                "",
                ProviderClass::Google,
            ),
            (
                "https://login.microsoftonline.com/t/v2.0",
                "c",
                "",
                ProviderClass::Azure,
            ),
            (
                "https://gitlab.com",
                "unused",
                "gitlab-ci",
                ProviderClass::GitlabCi,
            ),
            (
                "https://gitlab.example",
                "unused",
                "gitlab-ci",
                ProviderClass::GitlabCi,
            ),
            (
                "https://gitlab.com",
                "c",
                "gitlab-ci",
                ProviderClass::Gitlab,
            ),
            ("https://gitlab.com/", "c", "", ProviderClass::Gitlab),
            ("https://gitlab.com//", "c", "", ProviderClass::Generic),
            (
                "https://gitlab.com.evil.example",
                "c",
                "",
                ProviderClass::Generic,
            ),
            ("https://issuer.hello.coop", "c", "", ProviderClass::Hello),
            (
                "https://issuer.hello.coop/",
                "c",
                "",
                ProviderClass::Generic,
            ),
            (
                "https://token.actions.githubusercontent.com",
                "c",
                "",
                ProviderClass::GithubActions,
            ),
            (
                "https://codeberg.org/api/actions",
                "unused",
                "",
                ProviderClass::ForgejoActions,
            ),
            (
                "https://codeberg.org/api/actions",
                "c",
                "",
                ProviderClass::Generic,
            ),
            ("https://id.example.com", "c", "", ProviderClass::Generic),
        ] {
            assert_eq!(
                class(issuer, client_id, alias),
                expected,
                "{issuer} {client_id} {alias}"
            );
        }
    }

    #[test]
    fn only_google_and_generic_providers_get_a_secret() {
        use ProviderClass::*;
        for class in [Google, Generic] {
            assert!(class.takes_secret());
        }
        for class in [
            Azure,
            Gitlab,
            GitlabCi,
            Hello,
            GithubActions,
            ForgejoActions,
        ] {
            assert!(!class.takes_secret(), "{class:?}");
        }
    }
}
