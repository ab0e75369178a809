//! An authenticator in software, as honest as a test wants it to be: what a browser and a key hand over, byte by byte. Also
//! for the tests beside the code (`src/lib.rs`).

use agentport::approval::Assertion;
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _},
};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The user was there and was verified.
pub(crate) const VERIFIED: u8 = 0x05;
/// Somebody touched the key.
pub(crate) const TOUCHED: u8 = 0x01;

enum Key {
    Es256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// One key, and all that it and its browser say.
pub(crate) struct Authenticator {
    key: Key,
    credential: Vec<u8>,
    pub(crate) flags: u8,
    pub(crate) counter: u32,
    /// The page that the browser shows.
    pub(crate) origin: String,
    /// The name that the key is asked to be for.
    pub(crate) rp: String,
    pub(crate) cross_origin: bool,
}

impl Authenticator {
    /// A key that most have: ECDSA over P-256.
    pub(crate) fn new(origin: &str) -> Self {
        let (random, how) = (SystemRandom::new(), &ECDSA_P256_SHA256_ASN1_SIGNING);
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        Self::with(origin, Key::Es256(EcdsaKeyPair::from_pkcs8(how, pkcs8.as_ref(), &random).unwrap()))
    }

    /// The same key each time.
    pub(crate) fn ed25519(origin: &str, seed: u8) -> Self {
        Self::with(origin, Key::Ed25519(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap()))
    }

    fn with(origin: &str, key: Key) -> Self {
        let host = origin.split("://").nth(1).unwrap().split(':').next().unwrap().to_owned();
        let mut credential = vec![0; 16];
        getrandom::fill(&mut credential).unwrap();
        let origin = origin.to_owned();
        Self { key, credential, flags: VERIFIED, counter: 0, origin, rp: host, cross_origin: false }
    }

    /// What the browser calls it.
    pub(crate) fn id(&self) -> String {
        base64url(&self.credential)
    }

    /// Makes the key known: the form that the page posts.
    pub(crate) fn register(&self, challenge: &str) -> String {
        let cose = match &self.key {
            Key::Es256(key) => {
                let point = key.public_key().as_ref();
                let head = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20];
                [&head[..], &point[1..33], &[0x22, 0x58, 0x20], &point[33..65]].concat()
            }
            Key::Ed25519(key) => {
                let head = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];
                [&head[..], key.public_key().as_ref()].concat()
            }
        };
        let length = u16::try_from(self.credential.len()).unwrap().to_be_bytes();
        let attested = [&[0; 16][..], &length, &self.credential, &cose].concat();
        let data = [self.data(0x40), attested].concat();
        let form = json!({
            "authenticatorData": base64url(&data),
            "clientDataJSON": base64url(&self.client("webauthn.create", challenge)),
        });
        form.to_string()
    }

    /// Signs a challenge.
    pub(crate) fn sign(&mut self, challenge: &str) -> Assertion {
        let (data, client) = (self.data(0), self.client("webauthn.get", challenge));
        let message = [&data[..], Sha256::digest(&client).as_slice()].concat();
        let signature = match &self.key {
            Key::Es256(key) => key.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(&message).as_ref().to_vec(),
        };
        Assertion {
            id: self.id(),
            authenticator_data: base64url(&data),
            client_data_json: base64url(&client),
            signature: base64url(&signature),
        }
    }

    fn data(&self, more: u8) -> Vec<u8> {
        let rp = Sha256::digest(self.rp.as_bytes());
        [rp.as_slice(), &[self.flags | more], &self.counter.to_be_bytes()].concat()
    }

    fn client(&self, kind: &str, challenge: &str) -> Vec<u8> {
        let (origin, cross) = (&self.origin, self.cross_origin);
        json!({"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": cross, "other": 1})
            .to_string()
            .into_bytes()
    }
}

fn base64url(bytes: &[u8]) -> String {
    data_encoding::BASE64URL_NOPAD.encode(bytes)
}
