//! What is given out once and known again by its hash alone: 256 random bits, in base64url letters.
//!
//! INVARIANT: a token of one kind is no token of another. Their types differ, and so do the domains of their hashes; these
//! stand in the databases of before, so that no domain and no prefix ever changes.

use std::{fmt, marker::PhantomData};

use subtle::ConstantTimeEq as _;

use super::LedgerError;
use crate::canonical;

/// What a token opens.
pub trait TokenKind {
    /// Of its hash.
    const DOMAIN: &'static str;
    /// What it is called where it must not be seen.
    const NAME: &'static str;
    /// What it begins with; part of what is hashed.
    const PREFIX: &'static str = "";
}

/// A token of this kind. Shown once, to whom it is for; the ledger keeps its hash.
pub struct Token<K>(String, PhantomData<K>);

impl<K: TokenKind> Token<K> {
    /// 256 fresh random bits.
    pub(super) fn generate() -> Result<Self, LedgerError> {
        Ok(Self(random(K::PREFIX)?, PhantomData))
    }

    /// From a link, a header or a cookie; `None` if it does not have the shape of one.
    pub fn parse(text: &str) -> Option<Self> {
        has_shape(text, K::PREFIX).then(|| Self(text.to_owned(), PhantomData))
    }

    /// For the one time that it is shown.
    pub fn as_shown(&self) -> &str {
        &self.0
    }

    /// What the ledger keeps of it.
    pub(super) fn hash(&self) -> String {
        self.derive(K::DOMAIN, &[])
    }

    /// Is this its hash?
    pub(super) fn has_hash(&self, hash: &str) -> bool {
        hash.as_bytes().ct_eq(self.hash().as_bytes()).into()
    }

    /// What only the holder of the token can compute, as hexadecimal.
    pub(super) fn derive(&self, domain: &str, of: &[&str]) -> String {
        canonical::hex(&self.key(domain, of))
    }

    /// The same, as bytes.
    pub(super) fn key(&self, domain: &str, of: &[&str]) -> [u8; 32] {
        let parts: Vec<&[u8]> = std::iter::once(&*self.0).chain(of.iter().copied()).map(str::as_bytes).collect();
        canonical::sha256(domain, &parts)
    }
}

impl<K> Clone for Token<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<K: TokenKind> fmt::Debug for Token<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "[{}]", K::NAME)
    }
}

/// Letters of 256 bits.
const LETTERS: usize = 43;

/// 256 fresh random bits behind `prefix`.
pub(super) fn random(prefix: &str) -> Result<String, LedgerError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{prefix}{}", data_encoding::BASE64URL_NOPAD.encode(&bytes)))
}

fn has_shape(text: &str, prefix: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.strip_prefix(prefix).is_some_and(|random| random.len() == LETTERS && random.bytes().all(letter))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            agents::Agents, enrolments::Enrolments, offers::Offers, sessions::Sessions, sign_in_links::SignInLinks,
        },
        *,
    };

    fn has_one_spelling_and_is_shown_by_nobody<K: TokenKind>() {
        let token = Token::<K>::generate().unwrap();
        let again = Token::<K>::parse(token.as_shown()).unwrap();
        assert_eq!((again.hash(), format!("{token:?}")), (token.hash(), format!("[{}]", K::NAME)));
        assert!(token.has_hash(&token.hash()) && !token.hash().contains(token.as_shown()));
        assert!(!token.has_hash(&Token::<K>::generate().unwrap().hash()));
        let prefix = K::PREFIX;
        for letters in ["", "A", &format!("{}=", "A".repeat(42)), &"A".repeat(44), &"é".repeat(43), &" ".repeat(43)] {
            assert!(Token::<K>::parse(&format!("{prefix}{letters}")).is_none(), "{prefix}{letters}");
        }
        let other = if prefix.is_empty() { "apt_" } else { "" };
        for other in [other.to_owned(), prefix.to_uppercase() + "_"] {
            assert!(Token::<K>::parse(&format!("{other}{}", "A".repeat(43))).is_none(), "{other}");
        }
    }

    #[test]
    fn a_token_has_one_spelling_and_is_shown_by_nobody_else() {
        has_one_spelling_and_is_shown_by_nobody::<Agents>();
        has_one_spelling_and_is_shown_by_nobody::<Enrolments>();
        has_one_spelling_and_is_shown_by_nobody::<Offers>();
        has_one_spelling_and_is_shown_by_nobody::<Sessions>();
        has_one_spelling_and_is_shown_by_nobody::<SignInLinks>();
    }

    /// As they were computed when databases that are in use were written.
    #[test]
    fn hashes_are_those_of_databases_of_before_and_of_one_kind_each() {
        let letters = "A".repeat(43);
        let hash = |domain: &str, text: &str| canonical::hex(&canonical::sha256(domain, &[text.as_bytes()]));
        let plain = &*letters;
        let with_prefix = &*format!("apt_{letters}");
        assert_eq!(Token::<Agents>::parse(with_prefix).unwrap().hash(), hash("agentport/agent-token", with_prefix));
        assert_eq!(Token::<Enrolments>::parse(plain).unwrap().hash(), hash("agentport/enrolment", plain));
        assert_eq!(Token::<Offers>::parse(plain).unwrap().hash(), hash("agentport/offer", plain));
        assert_eq!(Token::<Sessions>::parse(plain).unwrap().hash(), hash("agentport/session", plain));
        assert_eq!(Token::<SignInLinks>::parse(plain).unwrap().hash(), hash("agentport/sign_in_link", plain));
    }
}
