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
mod tests;
