//! Authenticator data: where a key was used, whom it has seen, how often it has signed (`WebAuthn`, section 6.1).

use sha2::{Digest as _, Sha256};

use super::{PasskeyError, PublicKey, relying_party};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;

/// What an authenticator says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AuthenticatorData {
    relying_party: [u8; 32],
    flags: u8,
    pub(super) counter: u32,
    /// At registration: the key.
    pub(super) attested: Option<Attested>,
}

/// A key that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attested {
    pub(super) aaguid: [u8; 16],
    pub(super) credential: Vec<u8>,
    pub(super) key: PublicKey,
}

impl AuthenticatorData {
    /// Reads it. What extensions add behind it is signed and means nothing here.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, PasskeyError> {
        let mut rest = bytes;
        let relying_party = take::<32>(&mut rest)?;
        let [flags] = take::<1>(&mut rest)?;
        let counter = u32::from_be_bytes(take::<4>(&mut rest)?);
        let attested = (flags & ATTESTED != 0).then(|| Attested::read(rest)).transpose()?;
        Ok(Self { relying_party, flags, counter, attested })
    }

    /// Was it used at this origin's host, and did it verify its user?
    pub(super) fn check(&self, origin: &str) -> Result<(), PasskeyError> {
        let host = relying_party(origin).ok_or(PasskeyError::Origin)?;
        if self.relying_party[..] != Sha256::digest(host.as_bytes())[..] {
            return Err(PasskeyError::Origin);
        }
        let needed = USER_PRESENT | USER_VERIFIED;
        if self.flags & needed != needed {
            return Err(PasskeyError::NotVerified);
        }
        // what cannot be copied was not
        if self.backed_up() && !self.backup_eligible() { Err(PasskeyError::Form) } else { Ok(()) }
    }

    pub(super) fn backup_eligible(&self) -> bool {
        self.flags & BACKUP_ELIGIBLE != 0
    }

    pub(super) fn backed_up(&self) -> bool {
        self.flags & BACKED_UP != 0
    }
}

impl Attested {
    fn read(mut rest: &[u8]) -> Result<Self, PasskeyError> {
        let aaguid = take::<16>(&mut rest)?;
        let length = usize::from(u16::from_be_bytes(take::<2>(&mut rest)?));
        let (credential, key) = rest.split_at_checked(length).ok_or(PasskeyError::Form)?;
        if credential.is_empty() || credential.len() > 1023 {
            return Err(PasskeyError::Form);
        }
        Ok(Self { aaguid, credential: credential.to_vec(), key: PublicKey::from_cose(key)? })
    }
}

/// The next `N` bytes.
fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], PasskeyError> {
    let (head, tail) = rest.split_first_chunk::<N>().ok_or(PasskeyError::Form)?;
    *rest = tail;
    Ok(*head)
}
