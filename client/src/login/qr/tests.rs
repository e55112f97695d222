use super::*;

#[test]
fn an_address_with_a_code_is_drawn_where_it_fits() {
    let address = "https://login.microsoftonline.example/common/oauth2/deviceauth?user_code=\
                   WDJB-MJHT";
    let picture = for_terminal(address, 80, 40).unwrap();
    for (columns, rows) in [(80, 24), (30, 40), (0, 0)] {
        assert!(
            for_terminal(address, columns, rows).is_none(),
            "{columns}x{rows}"
        );
    }
    for line in picture.lines() {
        let drawn = line.strip_prefix("\x1b[30;47m").unwrap();
        let drawn = drawn.strip_suffix("\x1b[0m").unwrap();
        assert!(drawn.chars().count() < 80, "{drawn}");
        assert!(
            drawn
                .chars()
                .all(|c| " \u{2580}\u{2584}\u{2588}".contains(c)),
            "{drawn}"
        );
    }
    assert!(picture.lines().count() < 40);
}

#[test]
fn too_long_a_text_has_no_picture() {
    assert!(for_terminal(&"x".repeat(3000), 500, 500).is_none());
}
