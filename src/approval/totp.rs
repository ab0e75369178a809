//! Time-based codes (RFC 6238: SHA-1, six digits, 30 seconds), which every authenticator app understands.

use std::fmt;

use totp_rs::{Algorithm, Builder, Totp};
use zeroize::Zeroizing;

use crate::{clock::Now, secret::Secret};

const STEP_SECONDS: u64 = 30;

/// What an authenticator app shares with us. Kept in the secret store as base32 text.
pub struct Seed(Zeroizing<Vec<u8>>);

impl Seed {
    /// 160 fresh random bits, as RFC 4226 section 4 recommends.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new(vec![0_u8; 20]);
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The first 160 bits of a key that nobody can guess.
    pub fn from_key(key: &[u8; 32]) -> Self {
        Self(Zeroizing::new(key.iter().copied().take(20).collect()))
    }

    /// As a person types it into an app: base32 in groups of four. Shown once, at enrolment.
    pub fn shown(&self) -> Zeroizing<String> {
        let letters = Zeroizing::new(data_encoding::BASE32_NOPAD.encode(&self.0));
        let mut text = Zeroizing::new(String::with_capacity(letters.len() * 5 / 4));
        for (index, letter) in letters.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push(' ');
            }
            text.push(letter);
        }
        text
    }

    /// Reads what [`Seed::to_secret`] stored; `None` if it is something else.
    pub fn from_secret(secret: &Secret) -> Option<Self> {
        data_encoding::BASE32_NOPAD.decode(secret.expose().as_bytes()).ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// For the secret store.
    pub fn to_secret(&self) -> Secret {
        Secret::new(data_encoding::BASE32_NOPAD.encode(&self.0))
    }

    /// The time step that `digits` belong to: the one before now, now's, or the next.
    pub fn matching_step(&self, digits: &str, now: Now) -> Option<u64> {
        let seconds = u64::try_from(now.wall / 1000).ok()?;
        self.totp()?.check(digits, seconds)
    }

    fn totp(&self) -> Option<Totp> {
        Builder::new()
            .with_algorithm(Algorithm::SHA1)
            .with_digits(6)
            .with_skew(1)
            .with_step_duration(STEP_SECONDS)
            .with_secret(self.0.to_vec())
            .with_account_name("owner")
            .with_issuer(Some("AgentPort"))
            .build()
            .ok()
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[seed]")
    }
}

/// What the QR code says (the key URI format of authenticator apps). Shown once, at enrolment, to the human alone.
pub fn otpauth_uri(seed: &Seed) -> Option<Zeroizing<String>> {
    seed.totp()?.to_url().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::approval::{Claim, Code, Enrolled, FactorId, PersonId, prove};

    const NOW: Now = Now { wall: 1_111_111_109_000, boot: 0, boot_id: 1 };

    fn rfc_seed() -> Seed {
        Seed(Zeroizing::new(b"12345678901234567890".to_vec()))
    }

    fn enrolled(last_step: Option<u64>) -> [Enrolled; 1] {
        [Enrolled { id: FactorId("fac_1".into()), seed: rfc_seed(), last_step }]
    }

    #[test]
    fn the_vectors_of_rfc_6238_match() {
        // appendix B, last six digits, T = 1111111109
        assert_eq!(rfc_seed().matching_step("081804", NOW), Some(0x0235_23EC));
        assert_eq!(rfc_seed().matching_step("081805", NOW), None);
    }

    #[test]
    fn t130_a_step_counts_once_and_never_backwards() {
        let code = Code::parse("081804").unwrap();
        assert!(prove(Claim::SignIn, &code, &PersonId("per_1".into()), &enrolled(None), NOW).is_some());
        assert!(prove(Claim::SignIn, &code, &PersonId("per_1".into()), &enrolled(Some(0x0235_23EC)), NOW).is_none());
        assert!(prove(Claim::SignIn, &code, &PersonId("per_1".into()), &enrolled(Some(0x0235_23EB)), NOW).is_some());
    }

    #[test]
    fn a_code_counts_one_step_either_way() {
        for (seconds, found) in [(-60_i64, false), (-30, true), (30, true), (60, false)] {
            let now = Now { wall: NOW.wall + seconds * 1000, ..NOW };
            assert_eq!(rfc_seed().matching_step("081804", now).is_some(), found, "{seconds}");
        }
    }

    #[test]
    fn t179_what_debug_says_of_secrets_is_nothing() {
        let code = Code::parse("081804").unwrap();
        let shown = format!("{:?} {:?} {code:?}", rfc_seed(), rfc_seed().to_secret());
        assert_eq!(shown, "[seed] [secret] [code]");
    }

    #[test]
    fn a_seed_is_typed_in_groups_of_four() {
        assert_eq!(rfc_seed().shown().as_str(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
        let mut key = [7; 32];
        key[..20].copy_from_slice(b"12345678901234567890");
        assert_eq!(Seed::from_key(&key).0, rfc_seed().0);
    }

    #[test]
    fn a_seed_survives_the_store() {
        let seed = Seed::generate().unwrap();
        let again = Seed::from_secret(&seed.to_secret()).unwrap();
        assert_eq!(again.0, seed.0);
        assert!(otpauth_uri(&seed).unwrap().starts_with("otpauth://totp/AgentPort:owner?secret="));
    }
}
