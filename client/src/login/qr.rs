//! Draws a QR code on a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Returns `text` as a QR code in black on white, or `None` if `text` is too long.
pub fn for_terminal(text: &str) -> Option<String> {
    // a screen needs no error correction, and the smaller code fits more windows
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let picture = code.render::<Dense1x2>().build();
    let lines: Vec<_> = picture
        .lines()
        .map(|line| format!("\x1b[30;47m{line}\x1b[0m"))
        .collect();
    Some(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_code_fits_a_window_of_80_columns() {
        let address = "https://login.microsoftonline.example/common/oauth2/deviceauth?user_code=\
                       WDJB-MJHT";
        let picture = for_terminal(address).unwrap();
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
        assert!(for_terminal(&"x".repeat(3000)).is_none());
    }
}
