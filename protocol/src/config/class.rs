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
mod tests;
