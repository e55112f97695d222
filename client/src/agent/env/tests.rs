use super::*;

#[test]
fn lines_are_those_of_openssh() {
    let sh = EnvArgs {
        sh: true,
        ..EnvArgs::default()
    };
    let csh = EnvArgs {
        csh: true,
        ..EnvArgs::default()
    };
    let fish = EnvArgs {
        fish: true,
        ..EnvArgs::default()
    };
    let socket = Path::new("/run/user/1000/opkssh/agent.sock");
    assert_eq!(
        variables(&sh, socket, Some(7)),
        "SSH_AUTH_SOCK=/run/user/1000/opkssh/agent.sock; export SSH_AUTH_SOCK;\n\
         SSH_AGENT_PID=7; export SSH_AGENT_PID;\n"
    );
    assert_eq!(
        variables(&csh, socket, Some(7)),
        "setenv SSH_AUTH_SOCK /run/user/1000/opkssh/agent.sock;\nsetenv SSH_AGENT_PID 7;\n"
    );
    assert_eq!(
        variables(&sh, Path::new("/a b/$x'y"), None),
        "SSH_AUTH_SOCK='/a b/$x'\\''y'; export SSH_AUTH_SOCK;\n"
    );
    assert_eq!(
        variables(&fish, Path::new(r"/a b/\'y"), Some(7)),
        concat!(
            r"set -gx SSH_AUTH_SOCK '/a b/\\'\''y';",
            "\nset -gx SSH_AGENT_PID 7;\n"
        )
    );
}
