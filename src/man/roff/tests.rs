use super::*;

#[test]
fn sections_end_at_the_next_heading_but_for_comments_in_code() {
    let text = "# One\nfirst\n\n```\n# no heading\n```\n## Two\nsecond\n";
    let found = sections(text);
    assert_eq!(found[0], ("One", "first\n\n```\n# no heading\n```\n"));
    assert_eq!(found[1], ("Two", "second\n"));
}

#[test]
fn each_kind_of_block_is_converted() {
    let text = "One `a-b` **bold** and [a link](x.md#y).\n\n.dot\n\n- item\n1. first\n\n```yaml\na: 'b'\n\\n\n```\n";
    assert_eq!(
        from_markdown(text),
        "One \\fBa\\-b\\fR \\fBbold\\fR and a link.\n.PP\n\\&.dot\n.IP \\(bu 2\nitem\n\
         .IP 1. 4\nfirst\n.sp\n.RS 4\n.nf\na: \\(aqb\\(aq\n\\en\n.fi\n.RE\n"
    );
}

#[test]
fn a_table_becomes_a_list() {
    let text = "| key | default | meaning |\n|---|---|---|\n| `a` | `x\\|y` | what [rules.md](rules.md) says |\n| `b` | | more |\n";
    assert_eq!(
        from_markdown(text),
        ".TP\n\\fBa\\fR (default: \\fBx|y\\fR)\nwhat \\fBopkssh\\-rules\\fR(5) says\n\
         .TP\n\\fBb\\fR\nmore\n"
    );
}
