//! The host that an e-mail address or a URL names, and the names it is compared with.
//!
//! INVARIANT: a value that two readers could take for different hosts has none here: a display name, a list of
//! addresses, user information or a backslash in a URL. What has no host can't be evaluated, which only tightens.

use std::fmt;

use url::{Host, Url};

/// A host name, or `*.` and one for all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DomainPattern {
    host: String,
    below: bool,
}

impl DomainPattern {
    /// Reads `example.com` or `*.example.com`.
    ///
    /// # Errors
    /// How the name must be written.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        match ascii_name(name) {
            Some(host) if host == name => Ok(Self { host, below }),
            Some(host) => Err(format!("`{text}` must be written as `{}{host}`", if below { "*." } else { "" })),
            None => Err(format!("`{text}` is not a host name such as `example.com` or `*.example.com`")),
        }
    }

    /// Is `host` meant? It comes from [`host_of`].
    pub(super) fn covers(&self, host: &str) -> bool {
        if self.below {
            host.strip_suffix(self.host.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| !rest.is_empty())
        } else {
            host == self.host
        }
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.below { "*." } else { "" }, self.host)
    }
}

/// The one host that `value` names, in lower-case ASCII and without a final dot.
pub(super) fn host_of(value: &str) -> Option<String> {
    if value.chars().any(|character| character.is_whitespace() || character.is_control() || character == '\\') {
        return None;
    }
    match value.split_once("://") {
        Some((_, rest)) => host_of_url(value, rest),
        None => host_of_address(value),
    }
}

fn host_of_url(value: &str, rest: &str) -> Option<String> {
    // browsers skip further slashes, other readers find an empty host
    if rest.starts_with('/') {
        return None;
    }
    let url = Url::parse(value).ok()?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if !matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp") || authority.contains(['@', '%']) {
        return None;
    }
    match url.host()? {
        Host::Domain(name) => ascii_name(name),
        Host::Ipv4(address) => Some(address.to_string()),
        Host::Ipv6(address) => Some(format!("[{address}]")),
    }
}

/// RFC 5322's addr-spec with a dot-atom before the `@`.
fn host_of_address(value: &str) -> Option<String> {
    let (local, domain) = value.split_once('@')?;
    if local.is_empty() || local.contains(['"', '(', ')', ',', ':', ';', '<', '>', '[', ']']) {
        return None;
    }
    ascii_name(domain)
}

fn ascii_name(name: &str) -> Option<String> {
    // the URL parser would decode a `%`
    if name.contains(['%', '@', '*']) {
        return None;
    }
    match Host::parse(name).ok()? {
        Host::Domain(host) => {
            let host = host.strip_suffix('.').unwrap_or(&host);
            (!host.is_empty() && host.split('.').all(|label| !label.is_empty())).then(|| host.to_owned())
        }
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t034_addresses_and_urls_name_one_host() {
        for (value, host) in [
            ("ann@Acme.COM", "acme.com"),
            ("ann@acme.com.", "acme.com"),
            ("ann@bücher.example", "xn--bcher-kva.example"),
            ("https://api.acme.com:8443/x?y=a@b", "api.acme.com"),
            ("https://127.0.0.1/", "127.0.0.1"),
        ] {
            assert_eq!(host_of(value).as_deref(), Some(host), "{value}");
        }
    }

    #[test]
    fn t088_what_can_be_read_in_two_ways_has_no_host() {
        for value in [
            "acme.com",
            "ann@evil.com,bob@acme.com",
            "ann@evil.com@acme.com",
            "Ann <ann@acme.com>",
            "\"ann@evil.com\"@acme.com",
            "ann@acme.com ",
            "ann@acme.com\nbcc: x@evil.com",
            "@acme.com",
            "ann@",
            "ann@ac%6de.com",
            "ann@127.0.0.1",
            "https://acme.com@evil.com/",
            "https://evil.com\\@acme.com/",
            "https:///acme.com/",
            "https://ac%6de.com/",
            "https:acme.com",
            "ssh://acme.com/",
            "mailto:ann@acme.com",
        ] {
            assert_eq!(host_of(value), None, "{value}");
        }
    }

    #[test]
    fn a_star_means_the_names_below_only() {
        let below = DomainPattern::parse("*.acme.com").unwrap();
        assert!(below.covers("mail.acme.com") && below.covers("a.b.acme.com"));
        assert!(!below.covers("acme.com") && !below.covers("evilacme.com") && !below.covers(".acme.com"));
        let exact = DomainPattern::parse("acme.com").unwrap();
        assert!(exact.covers("acme.com") && !exact.covers("mail.acme.com") && !exact.covers("acme.com.evil.com"));
    }

    #[test]
    fn a_pattern_is_written_as_it_is_compared() {
        assert_eq!(DomainPattern::parse("Acme.com"), Err("`Acme.com` must be written as `acme.com`".to_owned()));
        assert_eq!(
            DomainPattern::parse("*.bücher.example"),
            Err("`*.bücher.example` must be written as `*.xn--bcher-kva.example`".to_owned())
        );
        assert!(DomainPattern::parse("ann@acme.com").is_err());
    }
}
