//! A QR code as the outline of an SVG image: one path of unit squares, so that no style and no script is needed.

use qrcode::{Color, EcLevel, QrCode, types::QrError};
use zeroize::Zeroizing;

/// What a camera wants around the code, in modules.
const QUIET_ZONE: usize = 4;

/// A code to be drawn.
pub(in crate::web) struct QrImage {
    /// Modules on a side, the quiet zone included.
    pub(in crate::web) side: usize,
    /// What is dark. It says what the code says.
    pub(in crate::web) dark: Zeroizing<String>,
}

impl QrImage {
    /// The code of `text`, of the lowest correction: it stands on a screen, and larger modules are read more easily.
    ///
    /// # Errors
    /// The text is too long for one.
    pub(in crate::web) fn of(text: &str) -> Result<Self, QrError> {
        let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::L)?;
        let width = code.width();
        let mut dark = Zeroizing::new(String::with_capacity(width * width * 8));
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run.first() == Some(&Color::Dark) {
                    let (left, top, length) = (x + QUIET_ZONE, y + QUIET_ZONE, run.len());
                    dark.push_str(&format!("M{left} {top}h{length}v1h-{length}z"));
                }
                x += run.len();
            }
        }
        Ok(Self { side: width + 2 * QUIET_ZONE, dark })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outline_covers_the_dark_modules_and_nothing_else() {
        let text = "otpauth://totp/AgentPort:owner?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=AgentPort";
        let image = QrImage::of(text).unwrap();
        let mut drawn = vec![vec![Color::Light; image.side]; image.side];
        for run in image.dark.split('z').filter(|run| !run.is_empty()) {
            let numbers: Vec<usize> =
                run.split(|letter: char| !letter.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect();
            let [left, top, length, 1, back] = numbers[..] else { panic!("{run}") };
            assert_eq!(length, back);
            drawn[top][left..left + length].fill(Color::Dark);
        }
        let code = QrCode::with_error_correction_level(text, EcLevel::L).unwrap();
        assert_eq!(image.side, code.width() + 8);
        for (y, row) in drawn.iter().enumerate() {
            for (x, color) in row.iter().enumerate() {
                let inside = (4..4 + code.width()).contains(&x) && (4..4 + code.width()).contains(&y);
                let expected = if inside { code[(x - 4, y - 4)] } else { Color::Light };
                assert_eq!(*color, expected, "{x} {y}");
            }
        }
    }
}
