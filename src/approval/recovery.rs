//! Recovery codes: eighty random bits each, shown once, stored as hashes.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::canonical;

/// Ten fresh codes, to be shown once.
pub struct RecoveryCodes(Vec<Zeroizing<String>>);

impl RecoveryCodes {
    /// How many are made at a time.
    pub const COUNT: usize = 10;
    /// Base32 characters of one: 80 bits.
    pub const LETTERS: usize = 16;

    /// Makes ten out of the operating system's randomness.
    ///
    /// # Errors
    /// The operating system has none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut codes = Vec::with_capacity(Self::COUNT);
        for _ in 0..Self::COUNT {
            let mut bytes = Zeroizing::new([0_u8; 10]);
            getrandom::fill(bytes.as_mut_slice())?;
            let letters = data_encoding::BASE32_NOPAD.encode(bytes.as_slice()).to_ascii_lowercase();
            codes.push(Zeroizing::new(letters));
        }
        Ok(Self(codes))
    }

    /// Written in groups of four, as a person copies them.
    pub fn shown(&self) -> Vec<String> {
        self.0
            .iter()
            .map(|code| {
                let characters: Vec<char> = code.chars().collect();
                characters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
            })
            .collect()
    }

    /// What is stored.
    pub fn hashes(&self) -> Vec<RecoveryHash> {
        self.0.iter().map(|code| RecoveryHash::of(code)).collect()
    }
}

/// SHA-256 of a recovery code. Eighty random bits need no slow hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecoveryHash(String);

impl RecoveryHash {
    /// The hash of a code's sixteen letters.
    pub fn of(letters: &str) -> Self {
        Self(canonical::hex(&canonical::sha256("agentport/recovery", &[letters.as_bytes()])))
    }

    /// Lower-case hexadecimal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::Code;

    #[test]
    fn t139_codes_have_eighty_bits_and_are_stored_hashed() {
        let codes = RecoveryCodes::generate().unwrap();
        let shown = codes.shown();
        assert_eq!(shown.len(), 10);
        let Ok(Code::Recovery(letters)) = Code::parse(&shown[0]) else { panic!("not a recovery code: {}", shown[0]) };
        assert_eq!(RecoveryHash::of(&letters), codes.hashes()[0]);
        assert!(!codes.hashes()[0].as_str().contains(letters.as_str()));
        assert_ne!(shown[0], shown[1]);
    }
}
