//! What a person types: six digits, or a recovery code.

use std::fmt;

use zeroize::Zeroizing;

/// A code as typed, of the right shape. Debug hides it.
pub enum Code {
    /// Six ASCII digits (RFC 6238).
    Totp(Zeroizing<String>),
    /// Sixteen base32 characters, written in four groups.
    Recovery(Zeroizing<String>),
}

impl Code {
    /// Takes exactly six ASCII digits, or a recovery code with or without its dashes. White space around it, as a
    /// pasted line has, is dropped; nothing inside is.
    ///
    /// # Errors
    /// What a code looks like.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        if text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Self::Totp(Zeroizing::new(text.to_owned())));
        }
        let letters: String = text.split('-').collect::<String>().to_ascii_lowercase();
        let base32 = letters.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte));
        if letters.len() == super::RecoveryCodes::LETTERS && base32 {
            return Ok(Self::Recovery(Zeroizing::new(letters)));
        }
        Err(CodeError)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[code]")
    }
}

/// A text that is not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a code is six digits, or a recovery code of four groups of four letters and digits")]
pub struct CodeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t130_only_six_ascii_digits_are_a_code() {
        assert!(matches!(Code::parse("123456"), Ok(Code::Totp(_))));
        assert!(matches!(Code::parse("123456\n"), Ok(Code::Totp(_))));
        for text in ["123 456", "123-456", "+12345", "１２３４５６", "12345", "1234567", "", "12345a"] {
            assert!(Code::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_recovery_code_has_four_groups() {
        assert!(matches!(Code::parse("abcd-efgh-2345-WXYZ"), Ok(Code::Recovery(_))));
        assert!(Code::parse("abcd-efgh-2345-wxy").is_err());
        assert!(Code::parse("abcd-efgh-2345-wxy1").is_err());
    }
}
