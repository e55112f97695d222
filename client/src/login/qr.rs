//! Draws a QR code on a terminal.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Lines for what is said below the picture, with long addresses on two.
const TEXT_LINES: usize = 7;

/// Returns `text` as a QR code in black on white, or `None` if it does not fit a window of this
/// size.
pub fn for_terminal(text: &str, columns: u16, rows: u16) -> Option<String> {
    // a screen needs no error correction, and the smaller code fits more windows
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let picture = code.render::<Dense1x2>().build();
    let fits = picture.lines().count() + TEXT_LINES <= rows.into()
        && (picture.lines()).all(|line| line.chars().count() <= columns.into());
    let lines = picture
        .lines()
        .map(|line| format!("\x1b[30;47m{line}\x1b[0m"));
    fits.then(|| lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests;
