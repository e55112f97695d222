//! Servers that are public: they never see an account, unless its `hosts:` name them.

/// What `agent.public_forges` contains if the configuration does not set it. A name with a port
/// is listed as known_hosts has it, because a hashed name matches only as a whole.
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

/// Returns the patterns of the public forges that this program knows.
pub fn known_public_forges() -> Vec<String> {
    PUBLIC_FORGES.map(str::to_owned).to_vec()
}
