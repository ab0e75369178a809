//! The long texts that the program brings along, packed by `build.rs`.

use std::io::Read as _;

use flate2::read::DeflateDecoder;

/// A file of the source, as the compiler's argument to [`Packed::new`]: `packed!("style.css")`.
macro_rules! packed {
    ($($name:tt)+) => {
        $crate::packed::Packed::new(include_bytes!(concat!(env!("OUT_DIR"), "/", $($name)+, ".deflate")))
    };
}
pub(crate) use packed;

/// One text.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packed(&'static [u8]);

impl Packed {
    /// What [`packed`] finds.
    pub(crate) const fn new(packed: &'static [u8]) -> Self {
        Self(packed)
    }

    /// The file as it was written; empty, were it not packed as it should be.
    pub(crate) fn text(self) -> String {
        let mut text = String::new();
        match DeflateDecoder::new(self.0).read_to_string(&mut text) {
            Ok(_) => text,
            Err(_) => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Packed;

    #[test]
    fn a_text_comes_out_as_it_was_written() {
        assert_eq!(packed!("style.css").text(), include_str!("web/templates/style.css"));
        assert_eq!(packed!("passkey.js").text(), include_str!("web/templates/passkey.js"));
        assert_eq!(packed!("stripe.toml").text(), include_str!("../tools/stripe.toml"));
        assert_eq!(Packed::new(b"no such thing").text(), "");
    }
}
