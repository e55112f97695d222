use super::*;

#[test]
fn the_packaged_path_is_replaced_by_this_program_quoted_for_systemd() {
    assert_eq!(SERVICE_TEXT.matches(PACKAGED_EXEC_START).count(), 1);
    assert_eq!(
        unit_word(Path::new("/a b/50%/\"x\"\\y")).unwrap(),
        r#""/a b/50%%/\"x\"\\y""#
    );
    for path in ["opkssh", "/a\nb", ""] {
        assert!(unit_word(Path::new(path)).is_err(), "{path:?}");
    }
}
