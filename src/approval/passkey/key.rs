//! A passkey's public key: read from COSE (RFC 9052), of the three kinds that authenticators make.

use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::{Deserialize, Serialize};

use super::{PasskeyError, decode};

/// What checks a passkey's signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PublicKey {
    /// ECDSA over P-256 with SHA-256: the uncompressed point.
    Es256(Vec<u8>),
    /// Ed25519.
    Ed25519(Vec<u8>),
    /// RSA with PKCS #1 1.5 and SHA-256, as the security chips of Windows make it.
    Rs256 {
        /// The modulus.
        modulus: Vec<u8>,
        /// The exponent.
        exponent: Vec<u8>,
    },
}

impl PublicKey {
    /// Reads the map that stands first in `bytes`.
    pub(super) fn from_cose(bytes: &[u8]) -> Result<Self, PasskeyError> {
        let mut rest = bytes;
        let (kind, count) = head(&mut rest)?;
        if kind != MAP || count > 16 {
            return Err(PasskeyError::Form);
        }
        let mut members = Vec::new();
        for _ in 0..count {
            let label = item(&mut rest)?;
            members.push((label, item(&mut rest)?));
        }
        let of = |label: i64| {
            let mut found = members.iter().filter(|(known, _)| *known == Item::Integer(label)).map(|(_, value)| value);
            // twice is nothing: two readers might take either
            found.next().filter(|_| found.next().is_none())
        };
        let bytes_of = |label: i64| match of(label) {
            Some(Item::Bytes(bytes)) => Some(bytes.clone()),
            Some(Item::Integer(_)) | None => None,
        };
        let integer = |label: i64| match of(label) {
            Some(Item::Integer(integer)) => Some(*integer),
            Some(Item::Bytes(_)) | None => None,
        };
        // kind, algorithm and curve: labels 1, 3 and -1
        match (integer(1), integer(3), integer(-1)) {
            (Some(2), Some(-7), Some(1)) => {
                let (x, y) = (exactly(bytes_of(-2), 32)?, exactly(bytes_of(-3), 32)?);
                Ok(Self::Es256([&[4][..], &x, &y].concat()))
            }
            (Some(1), Some(-8), Some(6)) => Ok(Self::Ed25519(exactly(bytes_of(-2), 32)?)),
            (Some(3), Some(-257), None) => {
                let (modulus, exponent) = (bytes_of(-1), bytes_of(-2));
                match (modulus, exponent) {
                    (Some(modulus), Some(exponent)) if (256..=1024).contains(&modulus.len()) => {
                        Ok(Self::Rs256 { modulus, exponent })
                    }
                    (_, _) => Err(PasskeyError::Kind),
                }
            }
            (_, _, _) => Err(PasskeyError::Kind),
        }
    }

    /// Is this the key's signature over `message`?
    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).verify(message, signature),
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
            Self::Rs256 { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }.verify(
                &RSA_PKCS1_2048_8192_SHA256,
                message,
                signature,
            ),
        }
        .is_ok()
    }
}

/// `es256:…`, for the database and for records.
impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        let text = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes);
        match key {
            PublicKey::Es256(point) => format!("es256:{}", text(&point)),
            PublicKey::Ed25519(key) => format!("ed25519:{}", text(&key)),
            PublicKey::Rs256 { modulus, exponent } => format!("rs256:{}:{}", text(&modulus), text(&exponent)),
        }
    }
}

impl TryFrom<String> for PublicKey {
    type Error = PasskeyError;

    fn try_from(text: String) -> Result<Self, PasskeyError> {
        let (kind, bytes) = text.split_once(':').ok_or(PasskeyError::Kind)?;
        let bytes: Option<Vec<Vec<u8>>> = bytes.split(':').map(decode).collect();
        match (kind, bytes.unwrap_or_default().as_slice()) {
            ("es256", [point]) if point.len() == 65 => Ok(Self::Es256(point.clone())),
            ("ed25519", [key]) if key.len() == 32 => Ok(Self::Ed25519(key.clone())),
            ("rs256", [modulus, exponent]) => Ok(Self::Rs256 { modulus: modulus.clone(), exponent: exponent.clone() }),
            (_, _) => Err(PasskeyError::Kind),
        }
    }
}

fn exactly(bytes: Option<Vec<u8>>, length: usize) -> Result<Vec<u8>, PasskeyError> {
    bytes.filter(|bytes| bytes.len() == length).ok_or(PasskeyError::Kind)
}

/// What a key's map consists of. All else that CBOR has does not occur in one.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    Integer(i64),
    Bytes(Vec<u8>),
}

const POSITIVE: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const MAP: u8 = 5;

/// The next head of CBOR (RFC 8949, section 3): its kind and its number, which is below 2^16 in a key.
fn head(rest: &mut &[u8]) -> Result<(u8, u16), PasskeyError> {
    let mut byte = || -> Result<u8, PasskeyError> {
        let (first, tail) = rest.split_first().ok_or(PasskeyError::Form)?;
        *rest = tail;
        Ok(*first)
    };
    let first = byte()?;
    let number = match first & 0x1f {
        small @ 0..24 => u16::from(small),
        24 => u16::from(byte()?),
        25 => u16::from_be_bytes([byte()?, byte()?]),
        _ => return Err(PasskeyError::Form),
    };
    Ok((first >> 5, number))
}

fn item(rest: &mut &[u8]) -> Result<Item, PasskeyError> {
    let (kind, number) = head(rest)?;
    match kind {
        POSITIVE => Ok(Item::Integer(i64::from(number))),
        NEGATIVE => Ok(Item::Integer(-1 - i64::from(number))),
        BYTES => {
            let (bytes, tail) = rest.split_at_checked(usize::from(number)).ok_or(PasskeyError::Form)?;
            *rest = tail;
            Ok(Item::Bytes(bytes.to_vec()))
        }
        _ => Err(PasskeyError::Kind),
    }
}
