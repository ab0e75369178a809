//! The secret of a channel through which people are told, bound to the one place that it may go to.

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{canonical, secret::Secret};

/// The name under which the store keeps a channel's secret.
pub fn channel_secret_name(channel: &str) -> String {
    format!("channel/{channel}")
}

/// A channel's secret, opened for its destination.
pub struct ChannelSecret(Zeroizing<String>);

/// Why there is none to use. For the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChannelSecretError {
    /// It was stored for another place.
    #[error("its secret was stored for another destination")]
    Elsewhere,
    /// It cannot be read, or has characters that cannot be sent.
    #[error("its secret cannot be used")]
    Unusable,
}

#[derive(Serialize)]
struct SealedRef<'a> {
    v: u32,
    destination: &'a str,
    secret: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    v: u32,
    destination: String,
    secret: String,
}

const VERSION: u32 = 1;

/// Binds a secret to the only place that it may go to.
///
/// # Errors
/// It has characters that no request can carry.
pub fn seal_channel(destination: &str, secret: &Secret) -> Result<Secret, ChannelSecretError> {
    let text = secret.expose();
    if text.is_empty() || text.len() > 4_096 || !text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(ChannelSecretError::Unusable);
    }
    let sealed = SealedRef { v: VERSION, destination, secret: text };
    // room for the whole text: a buffer that grows leaves copies behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(2 * text.len() + destination.len() * 6 + 100));
    serde_json::to_writer(&mut *bytes, &sealed).map_err(|_| ChannelSecretError::Unusable)?;
    String::from_utf8(std::mem::take(&mut *bytes)).map(Secret::new).map_err(|_| ChannelSecretError::Unusable)
}

impl ChannelSecret {
    /// What was sealed, if it was for this destination.
    ///
    /// # Errors
    /// It was not, or cannot be read.
    pub fn open(sealed: &Secret, destination: &str) -> Result<Self, ChannelSecretError> {
        let sealed: Sealed = serde_json::from_str(sealed.expose()).map_err(|_| ChannelSecretError::Unusable)?;
        let (secret, sealed_for) = (Zeroizing::new(sealed.secret), sealed.destination);
        if sealed.v != VERSION {
            return Err(ChannelSecretError::Unusable);
        }
        if sealed_for != destination {
            return Err(ChannelSecretError::Elsewhere);
        }
        Ok(Self(secret))
    }

    /// As `Authorization: Bearer` has it.
    pub(crate) fn bearer(&self) -> Option<HeaderValue> {
        let text = Zeroizing::new(format!("Bearer {}", &*self.0));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// As a segment of a path, where a vendor wants it there (Telegram).
    pub(crate) fn segment(&self) -> Option<&str> {
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-');
        self.0.bytes().all(fine).then_some(&*self.0)
    }

    /// The HMAC-SHA256 of what is given, in hexadecimal.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> Option<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).ok()?;
        for part in parts {
            mac.update(part);
        }
        Some(canonical::hex(&mac.finalize().into_bytes()))
    }

    /// As a mail server's password.
    pub(crate) fn password(&self, user: &str) -> lettre::transport::smtp::authentication::Credentials {
        lettre::transport::smtp::authentication::Credentials::new(user.to_owned(), self.0.as_str().to_owned())
    }
}

impl std::fmt::Debug for ChannelSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_destination_alone() {
        let sealed = seal_channel("https://ntfy.sh", &Secret::new("tk_1".to_owned())).unwrap();
        let opened = ChannelSecret::open(&sealed, "https://ntfy.sh").unwrap();
        assert_eq!(opened.bearer().unwrap(), "Bearer tk_1");
        assert_eq!(ChannelSecret::open(&sealed, "https://evil.example").unwrap_err(), ChannelSecretError::Elsewhere);
        let foreign = Secret::new("tk_1".to_owned());
        assert_eq!(ChannelSecret::open(&foreign, "https://ntfy.sh").unwrap_err(), ChannelSecretError::Unusable);
        for bad in ["", "a\r\nb", "ä"] {
            assert!(seal_channel("x", &Secret::new(bad.to_owned())).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_segment_leads_nowhere_else() {
        let open = |text: &str| {
            let sealed = seal_channel("x", &Secret::new(text.to_owned())).unwrap();
            ChannelSecret::open(&sealed, "x").unwrap().segment().map(str::to_owned)
        };
        assert_eq!(open("123456:AA-b_c"), Some("123456:AA-b_c".to_owned()));
        for bad in ["../x", "a/b", "a?b", "a%2f", "."] {
            assert_eq!(open(bad), None, "{bad}");
        }
    }

    // RFC 4231, test case 2
    #[test]
    fn a_signature_is_hmac_sha256() {
        let sealed = seal_channel("x", &Secret::new("Jefe".to_owned())).unwrap();
        let opened = ChannelSecret::open(&sealed, "x").unwrap();
        assert_eq!(
            opened.sign(&[b"what do ya want ", b"for nothing?"]).unwrap(),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
