use super::*;

#[test]
fn only_a_line_that_ssh_reads_counts() {
    for text in [
        "Include ~/.ssh/opkssh/config\n",
        "Host *\n  include  ~/.ssh/opkssh/config",
    ] {
        assert!(has_include(text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "# Include ~/.ssh/opkssh/config\n",
        "Include ~/.ssh/opkssh/config2\n",
    ] {
        assert!(!has_include(text.as_bytes()), "{text}");
    }
}
