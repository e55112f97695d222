use super::*;

#[test]
fn text_from_outside_cannot_become_markup() {
    let page = Page::failed("<script>alert('x')</script>\u{202e}", Some("\"&")).html;
    assert!(!page.contains("<script>") && page.contains("\\u{202e}"));
    assert!(page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"));
    assert!(page.contains("&quot;&amp;"));
}
