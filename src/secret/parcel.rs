//! All secrets of a home, sealed for a backup: an `age` file, which a passphrase or somebody's key opens.
//!
//! The stock `age -d` opens it too. Its text is the vault's: one JSON object, secrets by name.

use age::{scrypt, secrecy::SecretString, x25519};
use zeroize::Zeroizing;

use super::{KeySource, Secret, SecretStore, StoreError, vault::Contents};

/// To whom it is sealed.
#[derive(Debug)]
pub enum Seal {
    /// Whoever knows the passphrase.
    Passphrase(Secret),
    /// Whoever has the key of this `age1…`.
    Recipient(String),
}

/// What opens it.
#[derive(Debug)]
pub enum Opening {
    /// The passphrase.
    Passphrase(Secret),
    /// A file with an `AGE-SECRET-KEY-1…`.
    Identity(std::path::PathBuf),
}

/// Opened secrets on their way into a store.
pub struct Parcel(Contents);

impl std::fmt::Debug for Parcel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secrets]")
    }
}

impl Parcel {
    /// Seals the secrets of these names; those that the store does not have are left out. How many there were, too.
    ///
    /// # Errors
    /// The store does not answer, or the recipient is none.
    pub async fn seal(store: &dyn SecretStore, names: &[String], to: Seal) -> Result<(Vec<u8>, usize), StoreError> {
        let mut contents = Contents::default();
        for name in names {
            if let Some(secret) = store.get(name).await? {
                contents.0.insert(name.clone(), secret.expose().to_owned());
            }
        }
        let count = contents.0.len();
        let broken = |what: &dyn std::fmt::Display| StoreError::Broken(format!("the secrets cannot be sealed: {what}"));
        let text = contents.text().map_err(|error| broken(&error))?;
        let sealed = match to {
            Seal::Passphrase(passphrase) => age::encrypt(&scrypt::Recipient::new(passphrase_of(&passphrase)), &text),
            Seal::Recipient(recipient) => {
                let recipient: x25519::Recipient = recipient
                    .parse()
                    .map_err(|_| StoreError::Broken("that is no recipient; one begins with `age1`".to_owned()))?;
                age::encrypt(&recipient, &text)
            }
        };
        Ok((sealed.map_err(|error| broken(&error))?, count))
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// It does not open with this, or holds no secrets of ours.
    pub fn open(sealed: &[u8], with: &Opening) -> Result<Self, StoreError> {
        let opened = match with {
            Opening::Passphrase(passphrase) => age::decrypt(&scrypt::Identity::new(passphrase_of(passphrase)), sealed),
            Opening::Identity(file) => age::decrypt(&KeySource::File(file.clone()).load()?, sealed),
        };
        let text = opened.map(Zeroizing::new).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys | age::DecryptError::DecryptionFailed => {
                StoreError::Broken("the backup's secrets do not open with that".to_owned())
            }
            other => StoreError::Broken(format!("the backup's secrets cannot be opened: {other}")),
        })?;
        serde_json::from_slice(&text)
            .map(Self)
            .map_err(|_| StoreError::Broken("what was sealed holds no secrets of ours".to_owned()))
    }

    /// Puts those into the store that it does not have: what is there already is newer. How many those were.
    ///
    /// # Errors
    /// The store does not answer; some may be there by then, and doing it again puts the rest.
    pub async fn unpack(mut self, store: &dyn SecretStore) -> Result<usize, StoreError> {
        let mut put = 0;
        for (name, secret) in std::mem::take(&mut self.0.0) {
            let secret = Secret::new(secret);
            if store.get(&name).await?.is_none() {
                store.put(&name, secret).await?;
                put += 1;
            }
        }
        Ok(put)
    }
}

fn passphrase_of(secret: &Secret) -> SecretString {
    SecretString::from(secret.expose().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::Memory;

    const NAMES: [&str; 2] = ["account/stripe/default", "factor/fac_1"];

    async fn stocked() -> Memory {
        let store = Memory::default();
        for name in NAMES {
            store.put(name, Secret::new(format!("secret of {name}"))).await.unwrap();
        }
        store
    }

    fn names() -> Vec<String> {
        NAMES.iter().map(|name| (*name).to_owned()).chain(["account/gone/default".to_owned()]).collect()
    }

    #[tokio::test]
    async fn what_is_sealed_opens_with_its_passphrase_or_key_and_with_nothing_else() {
        let store = stocked().await;
        let phrase = || Secret::new("correct horse battery".to_owned());
        let (sealed, count) = Parcel::seal(&store, &names(), Seal::Passphrase(phrase())).await.unwrap();
        assert_eq!(count, 2);
        assert!(!String::from_utf8_lossy(&sealed).contains("secret of"));
        let wrong = Parcel::open(&sealed, &Opening::Passphrase(Secret::new("wrong".to_owned()))).unwrap_err();
        assert!(wrong.to_string().contains("do not open with that"), "{wrong}");
        let elsewhere = Memory::default();
        elsewhere.put(NAMES[0], Secret::new("newer".to_owned())).await.unwrap();
        let parcel = Parcel::open(&sealed, &Opening::Passphrase(phrase())).unwrap();
        assert_eq!(format!("{parcel:?}"), "[secrets]");
        assert_eq!(parcel.unpack(&elsewhere).await.unwrap(), 1);
        let kept: Vec<String> = elsewhere.secrets.lock().unwrap().values().cloned().collect();
        assert_eq!(kept, ["newer", "secret of factor/fac_1"]);
    }

    #[tokio::test]
    async fn what_is_no_recipient_or_no_parcel_is_refused() {
        let store = stocked().await;
        assert!(Parcel::seal(&store, &names(), Seal::Recipient("age1nobody".to_owned())).await.is_err());
        let key = x25519::Identity::generate();
        let recipient = Seal::Recipient(key.to_public().to_string());
        let (mut sealed, _) = Parcel::seal(&store, &names(), recipient).await.unwrap();
        let phrase = Opening::Passphrase(Secret::new("x".to_owned()));
        assert!(Parcel::open(&sealed, &phrase).is_err());
        let last = sealed.len() - 1;
        sealed[last] ^= 1;
        assert!(age::decrypt(&key, &sealed).is_err());
        assert!(Parcel::open(b"age-encryption.org/v1", &phrase).is_err());
        store.locked.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(Parcel::seal(&store, &names(), Seal::Recipient(key.to_public().to_string())).await.is_err());
    }
}
