use super::*;

#[test]
fn a_jump_host_is_written_in_several_ways() {
    for (jump, host) in [
        ("near", "near"),
        ("u@far:22", "far"),
        ("ssh://[::1]:2200", "::1"),
    ] {
        assert_eq!(jump_host(jump), host);
    }
}
