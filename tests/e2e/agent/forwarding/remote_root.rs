//! A chain of three servers, and an intruder who is root on the one in the middle. The list of what
//! the intruder tries, and gets, is in `attempts`.

use std::path::{Path, PathBuf};

use opkssh_test_support::{Run, left_out, wait_until};

use super::confirmed::askpass;
use super::other_key::{HostKey, login};
use super::{Hops, Hosts, PARTS};
use crate::agent::servers::{STAY, Server};
use crate::agent::sockets::raw::{
    IDENTITIES_ANSWER, REQUEST_IDENTITIES, Raw, SIGN_RESPONSE, first_identity, sign_request, string,
};
use crate::setup::{agent_socket, entry, write_config};

const SUCCESS: u8 = 6;
const NOTHING: [u8; 5] = [IDENTITIES_ANSWER, 0, 0, 0, 0];

struct Chain {
    hops: Hops,
    /// The account's `hosts:` name it.
    c: Server,
    /// They do not name it.
    d: Server,
}

impl Chain {
    /// Logged in; the person says no to every question.
    fn new() -> Self {
        let hops = Hops::logged_out(Hosts::Both);
        let server = || Server::ours(&hops.setup.provider, "24h");
        let (c, d) = (server(), server());
        let servers = [&hops.a.sshd, &hops.b.sshd, &c.sshd, &d.sshd];
        hops.setup.knows(&servers);
        let mut config = std::fs::read_to_string(hops.config()).unwrap();
        for (name, server) in [("c", &c), ("d", &d)] {
            config += &format!("Host {name}\n Port {}\n", server.sshd.port());
        }
        hops.setup.home.write("ssh_config", config);
        askpass(&hops.setup.home, "exit 1");
        let chain = Self { hops, c, d };
        chain.write_config("allow");
        chain.hops.setup.login(&[]);
        chain
    }

    /// The account names A, B and C.
    fn write_config(&self, forwarding: &str) {
        let named = [&self.hops.a, &self.hops.b, &self.c];
        let named = named.map(|it| format!("\"[localhost]:{}\"", it.sshd.port()));
        let hosts = format!("hosts: [{}]", named.join(", "));
        let forwarding = format!("forwarding: {forwarding}");
        let setup = &self.hops.setup;
        let (issuer, client) = (setup.provider.issuer(), setup.provider.client());
        let entry = entry("test", issuer, client, &[&hosts, &forwarding]);
        write_config(&setup.home, &[entry]);
    }

    /// Adds a new key, and returns what `ssh-add -L` shows of it.
    fn add_key(&self, name: &str, options: &[&str]) -> Vec<u8> {
        let home = &self.hops.setup.home;
        let file = home.dir().join(name);
        let make = home.command("ssh-keygen");
        let make = make.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]);
        make.arg(&file).run().stdout();
        let known_hosts = home.dir().join(".ssh/known_hosts");
        let add = self.hops.setup.with_agent("ssh-add").arg("-H");
        let added = add.arg(known_hosts).args(options).arg(&file).run();
        assert!(added.success(), "{}", added.stderr());
        crate::agent::added_keys::blob(home, &format!("{name}.pub"))
    }

    /// What a program of the intruder's is given.
    fn run(&self, socket: &Path, program: &str) -> Run {
        let home = &self.hops.setup.home;
        home.command(program).env("SSH_AUTH_SOCK", socket)
    }

    fn logs_in(&self, socket: &Path, options: &[&str], host: &str) -> bool {
        let ssh = self.run(socket, "ssh").arg("-F").arg(self.hops.config());
        ssh.args(options).args([host, "true"]).run().success()
    }

    fn ssh_add(&self, socket: &Path, args: &[&str]) -> bool {
        let add = self.run(socket, "ssh-add").env("SSH_ASKPASS", "/bin/false");
        add.args(args).stdin("x\nx\n").run().success()
    }

    /// What the intruder tries on the socket that is forwarded to B, and whether it worked.
    fn attempts(&self, socket: &Path, certificate: &[u8]) -> Vec<(&'static str, bool)> {
        let (fake, session) = (HostKey::new(), b"a session of the intruder's");
        let lists = |asks: &mut Raw| {
            let answer = asks.ask(&[REQUEST_IDENTITIES]);
            answer
                .windows(certificate.len())
                .any(|part| part == certificate)
        };
        let signs = |asks: &mut Raw, data: &[u8]| {
            asks.ask(&sign_request(certificate, data))[0] == SIGN_RESPONSE
        };
        let raw = || Raw::connect(socket);
        let bound = |is_forwarding| {
            let mut raw = raw();
            assert_eq!(raw.ask(&fake.bind(session, is_forwarding)), [SUCCESS]);
            raw
        };
        let file = [
            b"SSHSIG".to_vec(),
            string(b"git"),
            string(b""),
            string(b"sha512"),
        ]
        .concat();
        let for_fake = login(session, certificate, &fake);
        let key = self.hops.setup.home.dir().join("intruder");
        let make = self.hops.setup.home.command("ssh-keygen");
        let make = make.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
        make.arg(&key).run().stdout();
        let control = br#"{"version":2,"message":{"request":"status"}}"#;
        let known_as_c = format!("HostKeyAlias=[localhost]:{}", self.c.sshd.port());
        let alias = ["-o", &known_as_c, "-o", "StrictHostKeyChecking=no"];
        vec![
            ("list what there is", lists(&mut raw())),
            ("list for a server of its own", lists(&mut bound(false))),
            (
                "list on the way to another machine",
                lists(&mut bound(true)),
            ),
            ("sign anything", signs(&mut raw(), b"anything")),
            ("sign a file or commit", signs(&mut raw(), &file)),
            (
                "sign a login to its own server",
                signs(&mut bound(false), &for_fake),
            ),
            (
                "sign a login beyond its own server",
                signs(&mut bound(true), &for_fake),
            ),
            (
                "log in to C without naming it",
                self.logs_in(socket, &["-o", "PubkeyAuthentication=unbound"], "c"),
            ),
            ("log in to D", self.logs_in(socket, &[], "d")),
            (
                "log in to D and call it C",
                self.logs_in(socket, &alias, "d"),
            ),
            (
                "ask the control socket's questions",
                raw().ask(control) != [5],
            ),
            (
                "add a key",
                self.ssh_add(socket, &["-q", &key.display().to_string()]),
            ),
            ("remove every key", self.ssh_add(socket, &["-D"])),
            (
                "use a library as smartcard",
                self.ssh_add(socket, &["-s", "/lib/x.so"]),
            ),
            ("lock the agent", self.ssh_add(socket, &["-x"])),
            ("unlock the agent", self.ssh_add(socket, &["-X"])),
            ("log in to C", self.logs_in(socket, &[], "c")),
        ]
    }
}

#[test]
fn root_on_a_machine_in_between_gets_what_the_policy_allows() {
    if left_out(&PARTS) {
        return;
    }
    for (forwarding, may_log_in) in [("allow", true), ("confirm", false), ("deny", false)] {
        let chain = Chain::new();
        let here = agent_socket(&chain.hops.setup.home);
        let certificate = first_identity(&Raw::connect(&here).ask(&[REQUEST_IDENTITIES])).unwrap();
        let (mut session, socket) = chain.forward_to_b();
        chain.write_config(forwarding);
        for (what, got) in chain.attempts(&socket, &certificate) {
            let is_permitted = what == "log in to C" && may_log_in;
            assert_eq!(got, is_permitted, "{forwarding}: {what}");
        }
        session.kill();
        wait_until("the session on B is over", || {
            (!socket.exists()).then_some(())
        });
        let let_in = chain.c.sshd.log().contains("Accepted publickey");
        assert_eq!(let_in, may_log_in, "{forwarding}");
        assert_eq!(chain.d.etc.log(), "", "{forwarding}: D saw the certificate");
        // the person's own agent is as it was
        assert_eq!(
            first_identity(&Raw::connect(&here).ask(&[REQUEST_IDENTITIES])),
            Some(certificate)
        );
    }
}

/// Keys from `ssh-add` follow OpenSSH: without a constraint, whoever has the socket uses them.
#[test]
fn root_on_a_machine_in_between_gets_of_added_keys_what_their_constraints_allow() {
    if left_out(&PARTS) {
        return;
    }
    let chain = Chain::new();
    let name = |server: &Server| format!("[localhost]:{}", server.sshd.port());
    let (a, b, c) = (name(&chain.hops.a), name(&chain.hops.b), name(&chain.c));
    let step = |from: &str, to: &str| format!("{from}>{to}");
    let ends_at_b = [&a, &step(&a, &b)];
    let leads_to_c = [&a, &step(&a, &b), &step(&b, &c)];
    let options = |steps: &[&String]| -> Vec<String> {
        let steps = steps
            .iter()
            .flat_map(|step| ["-h".to_owned(), (*step).clone()]);
        steps.collect()
    };
    for (options, is_listed, signs_anything) in [
        (Vec::new(), true, true),
        (vec!["-c".to_owned()], true, false),
        (options(&ends_at_b), false, false),
        (options(&leads_to_c), true, false),
    ] {
        let given: Vec<_> = options.iter().map(String::as_str).collect();
        let blob = chain.add_key("added", &given);
        let (mut session, socket) = chain.forward_to_b();
        let mut raw = Raw::connect(&socket);
        let listed = raw.ask(&[REQUEST_IDENTITIES]);
        assert_eq!(listed != NOTHING, is_listed, "{options:?}");
        let signed = raw.ask(&sign_request(&blob, b"anything"));
        assert_eq!(signed[0] == SIGN_RESPONSE, signs_anything, "{options:?}");
        session.kill();
        wait_until("the session on B is over", || {
            (!socket.exists()).then_some(())
        });
        let home = chain.hops.setup.home.dir();
        chain
            .hops
            .setup
            .with_agent("ssh-add")
            .arg("-D")
            .run()
            .stdout();
        for file in ["added", "added.pub"] {
            std::fs::remove_file(home.join(file)).unwrap();
        }
    }
}

impl Chain {
    /// A session on B by way of A, with the agent forwarded, and the socket's path there.
    fn forward_to_b(&self) -> (opkssh_test_support::Running, PathBuf) {
        let config = self.hops.config();
        let on_b = format!("echo socket=\\$SSH_AUTH_SOCK; {}", STAY.replace('$', "\\$"));
        // the ssh on A does not notice by itself that the session there is over
        let on_a = format!(
            "ssh -F {} -A b \"{on_b}\" & {STAY}; kill $!",
            config.display()
        );
        let session = self.hops.on_a(&on_a).start();
        let line = || Some(session.stdout_so_far()).filter(|shown| shown.ends_with('\n'));
        let shown = wait_until("B names the socket", line);
        let socket = shown.trim().trim_start_matches("socket=");
        assert!(
            socket.starts_with("/"),
            "{shown}{}",
            session.stderr_so_far()
        );
        (session, PathBuf::from(socket))
    }
}
