//! An account: one set of credentials of an integration, less the secret, with the origin that they may be sent to.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the ledger's database knows of an account. The copy beside the secret decides: at send both must agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// `stripe`
    pub integration: String,
    /// `default` unless named at `connect`.
    pub name: String,
    /// Random; a new one for each set of credentials of another vendor account, kept when a secret is replaced.
    pub id: String,
    /// Where its secret may go.
    pub origin: Origin,
    /// What breaks if something goes wrong.
    pub environment: Environment,
    /// The vendor's name for it, as the verifying read told.
    pub identity: Identity,
    /// Values of `--set`, by key.
    pub settings: std::collections::BTreeMap<String, String>,
    /// When it was connected, milliseconds since the Unix epoch.
    pub connected_at: crate::clock::Millis,
}

/// Whose account it is, as the vendor says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The vendor's id.
    pub id: Option<String>,
    /// The vendor's name.
    pub name: Option<String>,
    /// Live or test, where the vendor knows the difference.
    pub live: Option<bool>,
}

/// What an account is for. Unset counts as production.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the words say it")]
pub enum Environment {
    #[default]
    Production,
    Staging,
    Test,
}

impl Environment {
    /// The word that flags, policies and pages use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Staging => "staging",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

impl std::str::FromStr for Environment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "production" => Ok(Self::Production),
            "staging" => Ok(Self::Staging),
            "test" => Ok(Self::Test),
            other => Err(format!("`{other}` is not an environment; use production, staging or test")),
        }
    }
}

/// Scheme, host and port, and whether a private or loopback address was allowed by the human at `connect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    url: String,
    allow_private: bool,
}

/// Why a text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum OriginError {
    #[error("`{0}` is not a URL such as https://api.example.com")]
    NotAUrl(String),
    #[error("`{0}` has more than scheme, host and port; leave out path, query and user")]
    TooMuch(String),
    #[error("`{0}` does not use https; plain http is for loopback, with --allow-private")]
    NotHttps(String),
    #[error("`{0}` is a private or loopback address; if that is meant, add --allow-private")]
    Private(String),
}

impl Origin {
    /// Parses `scheme://host[:port]`. Without `allow_private` a literal private or loopback address and `localhost`
    /// are refused here; names are checked again, address by address, when they are resolved.
    pub fn parse(text: &str, allow_private: bool) -> Result<Self, OriginError> {
        let url = url::Url::parse(text).map_err(|_| OriginError::NotAUrl(text.to_owned()))?;
        let host = url.host().ok_or_else(|| OriginError::NotAUrl(text.to_owned()))?;
        if !url.path().trim_end_matches('/').is_empty()
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(OriginError::TooMuch(text.to_owned()));
        }
        let (private, loopback) = match &host {
            url::Host::Domain(name) => {
                let local =
                    name.trim_end_matches('.') == "localhost" || name.trim_end_matches('.').ends_with(".localhost");
                (local, local)
            }
            url::Host::Ipv4(address) => (!is_public(std::net::IpAddr::V4(*address)), address.is_loopback()),
            url::Host::Ipv6(address) => (!is_public(std::net::IpAddr::V6(*address)), address.is_loopback()),
        };
        match url.scheme() {
            "https" => {}
            "http" if loopback && allow_private => {}
            "http" if loopback => return Err(OriginError::Private(text.to_owned())),
            _ => return Err(OriginError::NotHttps(text.to_owned())),
        }
        if private && !allow_private {
            return Err(OriginError::Private(text.to_owned()));
        }
        Ok(Self { url: url.origin().ascii_serialization(), allow_private })
    }

    /// Where a database server is: `postgres://db.example.com:5432`. Private addresses as in [`Origin::parse`].
    pub fn of_server(scheme: &str, host: &str, port: u16, allow_private: bool) -> Result<Self, OriginError> {
        let text = format!("{scheme}://{host}:{port}");
        match Self::parse(&format!("https://{host}"), allow_private) {
            Ok(_) => Ok(Self { url: text, allow_private }),
            Err(OriginError::Private(_)) => Err(OriginError::Private(text)),
            Err(OriginError::NotAUrl(_) | OriginError::TooMuch(_) | OriginError::NotHttps(_)) => {
                Err(OriginError::NotAUrl(text))
            }
        }
    }

    /// Where a database is that is a file of this machine: `sqlite:///var/lib/shop.db`.
    pub fn of_file(path: &str) -> Self {
        Self { url: format!("sqlite://{path}"), allow_private: false }
    }

    /// `https://api.stripe.com`, never with a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Did the human allow private and loopback addresses for it?
    pub fn allows_private(&self) -> bool {
        self.allow_private
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url)
    }
}

/// Is this an address of the public internet? Everything that IANA's special-purpose registries
/// (RFC 6890 and its updates) reserve is not, IPv4 inside IPv6 included.
pub fn is_public(address: std::net::IpAddr) -> bool {
    use std::net::{IpAddr, Ipv4Addr};
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 192 && b == 88 && c == 99)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(v6) => {
            let segments = v6.segments();
            let [s0, s1, s2, s3, s4, s5, s6, s7] = segments;
            let v4 = |high: u16, low: u16| {
                let [a, b] = high.to_be_bytes();
                let [c, d] = low.to_be_bytes();
                is_public(IpAddr::V4(Ipv4Addr::new(a, b, c, d)))
            };
            if [s0, s1, s2, s3, s4] == [0; 5] && (s5 == 0xffff || s5 == 0) {
                // mapped and the deprecated compatible form; `::` and `::1` are among the latter
                return s5 == 0xffff && v4(s6, s7);
            }
            if s0 == 0x64 && s1 == 0xff9b {
                return s2 == 0 && [s3, s4, s5] == [0; 3] && v4(s6, s7); // NAT64, RFC 6052
            }
            if s0 == 0x2002 {
                return v4(s1, s2); // 6to4, RFC 3056
            }
            (s0 & 0xe000) == 0x2000 && !(s0 == 0x2001 && s1 < 0x200) && !(s0 == 0x2001 && s1 == 0xdb8) && s0 != 0x3fff
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t203_addresses_in_disguise_are_not_public() {
        for text in [
            "http://169.254.169.254",
            "https://0x7f000001",
            "https://2130706433",
            "https://0177.0.0.1",
            "https://127.1",
            "https://①②⑦.0.0.1",
            "https://[::ffff:127.0.0.1]",
            "https://[::ffff:a9fe:a9fe]",
            "https://[fe80::1]",
            "https://[64:ff9b::7f00:1]",
            "https://[2002:7f00:1::]",
            "https://localhost",
            "https://localhost.",
            "https://a.localhost",
            "https://100.64.0.1",
            "https://[fd00:ec2::254]",
            "https://[::1]",
            "https://[::]",
            "https://10.0.0.1",
            "https://0.0.0.0",
        ] {
            assert!(Origin::parse(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn t206_an_origin_is_scheme_host_and_port() {
        assert_eq!(Origin::parse("https://API.Stripe.com/", false).unwrap().as_str(), "https://api.stripe.com");
        for text in [
            "https://api.stripe.com@evil.com",
            "https://a.com/x",
            "https://a.com?x",
            "https://a.com#x",
            "api.stripe.com",
        ] {
            assert!(Origin::parse(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn t210_plain_http_is_for_loopback_with_consent() {
        assert!(Origin::parse("http://127.0.0.1:8420", true).is_ok());
        assert!(Origin::parse("http://127.0.0.1:8420", false).is_err());
        assert!(Origin::parse("http://api.stripe.com", true).is_err());
        assert!(Origin::parse("http://10.0.0.1", true).is_err());
    }
}
