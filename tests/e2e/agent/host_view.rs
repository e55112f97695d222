//! `opkssh status --host`: it says what ssh then offers, in the same order.

mod accounts;
mod keys;
mod without;

use std::path::Path;

use opkssh_test_support::{Home, Output, Sshd, Verifier, user_name, write_program};
use serde_json::Value;

use crate::setup::agent_socket;

/// Servers that let nobody in, each with a name in `~/.ssh/config`, and an ssh that reads it.
struct Servers<'a> {
    home: &'a Home,
    _sshds: Vec<Sshd>,
}

impl<'a> Servers<'a> {
    /// known_hosts has those in `known`.
    fn new(home: &'a Home, names: &[&str], known: &[&str]) -> Self {
        let start = |_: &&str| Sshd::start(Verifier::Keys(""), Path::new("/dev/null"));
        let sshds: Vec<Sshd> = names.iter().map(start).collect();
        let known_hosts = home.dir().join(".ssh/known_hosts");
        let mut config = format!(
            "Host *\n HostName localhost\n User {}\n GlobalKnownHostsFile /dev/null\n \
             StrictHostKeyChecking accept-new\n AddressFamily inet\n BatchMode yes\n \
             PreferredAuthentications publickey\n IdentityFile none\n HashKnownHosts no\n",
            user_name()
        );
        let mut lines = String::new();
        for (name, sshd) in names.iter().zip(&sshds) {
            let port = sshd.port();
            config += &format!("Host {name} a.{name}\n Port {port}\n HostKeyAlias {name}\n");
            if known.contains(name) {
                lines += &format!("{name} {}\n", sshd.host_key());
            }
        }
        config += &format!("Host *\n UserKnownHostsFile {}\n", known_hosts.display());
        home.write(".ssh/known_hosts", lines);
        let this = Self {
            home,
            _sshds: sshds,
        };
        this.configure(&config);
        this
    }

    /// Has each ssh read this.
    fn configure(&self, config: &str) {
        let file = self.home.write(".ssh/config", config);
        let real = self.home.command("sh").args(["-c", "command -v ssh"]).run();
        let real = real.stdout();
        let real = real.trim();
        if !real.starts_with(&*self.home.dir().to_string_lossy()) {
            // ssh takes the home from the user database
            let script = format!("#!/bin/sh\nexec {real} -F {} \"$@\"", file.display());
            write_program(&self.home.dir().join("bin/ssh"), &script);
            let path = self.home.var("PATH").unwrap_or_default();
            let path = format!(
                "{}:{}",
                self.home.dir().join("bin").display(),
                path.display()
            );
            self.home.set("PATH", path);
        }
    }

    /// The fingerprints of what ssh would try with the server, in that order.
    fn seen(&self, host: &str) -> Vec<String> {
        let ssh = self.home.command(self.home.dir().join("bin/ssh"));
        let ssh = ssh.env("SSH_AUTH_SOCK", agent_socket(self.home));
        let said = ssh.args(["-v", host, "true"]).run().stderr();
        assert!(said.contains("bound agent to hostkey"), "{said}");
        let tried = said.lines().filter(|line| {
            line.starts_with("debug1: Will attempt key: ") && line.ends_with(" agent")
        });
        let fingerprint = |line: &str| {
            let mut words = line.split(' ');
            words
                .find(|word| word.starts_with("SHA256:"))
                .map(str::to_owned)
        };
        tried.filter_map(fingerprint).collect()
    }

    fn status(&self, host: &str) -> (Option<i32>, Value) {
        let said = status(self.home, host);
        let json = serde_json::from_str(&said.any_stdout()).unwrap();
        (said.code(), json)
    }

    /// Fails unless the server then sees what `status --host` says. Returns the names of these
    /// identities, and name and reason of the others.
    #[track_caller]
    fn view(&self, host: &str) -> (Vec<String>, Vec<(String, String)>) {
        let (code, said) = self.status(host);
        let offered = said["offered"].as_array().unwrap();
        assert_eq!(code, Some(i32::from(offered.is_empty())), "{said:#}");
        let fingerprints: Vec<_> = offered.iter().map(|it| text(&it["fingerprint"])).collect();
        assert_eq!(fingerprints, self.seen(host), "{said:#}");
        let hidden = said["not_offered"].as_array().unwrap().iter();
        let hidden = hidden.map(|it| (text(&it["name"]), text(&it["why"])));
        let names = offered.iter().map(|it| text(&it["name"]));
        (names.collect(), hidden.collect())
    }
}

fn status(home: &Home, host: &str) -> Output {
    let status = home.opkssh(["status", "--json", "--host", host]);
    status.env("SSH_AUTH_SOCK", agent_socket(home)).run()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn pairs(hidden: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, why): &(&str, &str)| ((*name).to_owned(), (*why).to_owned());
    hidden.iter().map(owned).collect()
}
