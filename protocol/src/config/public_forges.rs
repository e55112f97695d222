//! Public servers, which see an account only if its `hosts:` matches them.

/// Default of `agent.public_forges`. Names with a port are written as in known_hosts, because a
/// hashed name matches only as a whole.
const PUBLIC_FORGES: [&str; 18] = [
    "github.com",
    "gist.github.com",
    "ssh.github.com",
    "[ssh.github.com]:443",
    "gitlab.com",
    "altssh.gitlab.com",
    "[altssh.gitlab.com]:443",
    "codeberg.org",
    "bitbucket.org",
    "altssh.bitbucket.org",
    "[altssh.bitbucket.org]:443",
    "git.sr.ht",
    "hg.sr.ht",
    "gitea.com",
    "git.launchpad.net",
    "salsa.debian.org",
    "ssh.dev.azure.com",
    "vs-ssh.visualstudio.com",
];

/// Returns the built-in patterns of public forges.
pub fn known_public_forges() -> Vec<String> {
    PUBLIC_FORGES.map(str::to_owned).to_vec()
}
