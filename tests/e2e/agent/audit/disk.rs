//! A disk that takes no more.

use std::fs;

use opkssh_test_support::Home;

use crate::agent::sockets::other_users::is_root;
use crate::setup::OPKSSH;

#[test]
fn a_full_disk_stops_no_signature_and_is_told() {
    if !is_root() {
        return;
    }
    let home = Home::new(OPKSSH);
    let state = home.dir().join(".local/state");
    fs::create_dir_all(&state).unwrap();
    home.command("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", "key"])
        .run()
        .stdout();
    let script = format!(
        "mount -t tmpfs -o size=256k tmpfs '{0}'; export SSH_AUTH_SOCK='{1}'\n\
         '{OPKSSH}' agent start --store memory >/dev/null; ssh-add -q key\n\
         cat /dev/zero >'{0}/rest' 2>/dev/null\n\
         for n in 1 2 3; do ssh-add -T key.pub && echo signed; done\n\
         until '{OPKSSH}' status | grep 'audit log: 3 entries'; do sleep 0.1; done\n\
         rm '{0}/rest'; ssh-add -T key.pub && echo signed\n\
         '{OPKSSH}' agent stop --force >/dev/null; '{OPKSSH}' log",
        state.display(),
        crate::setup::agent_socket(&home).display()
    );
    let unshare = home.command("unshare");
    let said = unshare.args(["--mount", "sh", "-c", &script]).run();
    let said = said.any_stdout();
    assert_eq!(said.matches("signed\n").count(), 4, "{said}");
    assert!(
        said.contains("not written: ") && said.contains("the disk is full"),
        "{said}"
    );
    let lines: Vec<_> = said.lines().rev().take(2).collect();
    assert!(
        lines[1].contains("lost               3 entries that could"),
        "{said}"
    );
    assert!(lines[0].contains("  signed             "), "{said}");
}
