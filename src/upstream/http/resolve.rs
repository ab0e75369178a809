//! Where a name leads, and whether a credential may go there. The addresses that are judged are the addresses that are
//! connected to: between check and connection nothing is resolved again.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::account::{Origin, is_public};

/// Answers without asking who we are: the credentials of the machine itself. No consent opens these.
const METADATA: [&str; 9] = [
    "169.254.169.254", // AWS, Azure, Google, DigitalOcean, OpenStack
    "169.254.170.2",   // AWS ECS
    "169.254.170.23",  // AWS EKS
    "fd00:ec2::254",   // AWS
    "fd00:ec2::23",    // AWS EKS
    "fd20:ce::254",    // Google
    "100.100.100.200", // Alibaba
    "192.0.0.192",     // Oracle
    "168.63.129.16",   // Azure
];

/// The address is private, reserved, or one of a cloud's metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address is private or reserved")]
pub(in super::super) struct Refused;

/// May the credential of `origin` go to all of these? One bad address condemns the name.
pub(in super::super) fn judge(origin: &Origin, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), Refused> {
    let plain = origin.as_str().starts_with("http:");
    let fine = addresses.into_iter().map(|address| embedded(address.to_canonical())).all(|address| {
        let metadata = METADATA.iter().any(|known| known.parse() == Ok(address));
        !metadata && (origin.allows_private() || is_public(address)) && (!plain || address.is_loopback())
    });
    if fine { Ok(()) } else { Err(Refused) }
}

/// The IPv4 address that a NAT64 or 6to4 address leads to. Anything else is itself.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.octets() {
        [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, a, b, c, d] | [0x20, 0x02, a, b, c, d, ..] => {
            IpAddr::from([a, b, c, d])
        }
        _ => address,
    }
}

/// Resolves names for one origin.
#[derive(Debug)]
pub(super) struct Resolver {
    pub(super) origin: Origin,
    pub(super) lookup: Lookup,
}

/// Who is asked for addresses.
#[derive(Debug, Clone)]
pub(super) enum Lookup {
    /// The operating system.
    System,
    /// A test's own table.
    #[cfg(test)]
    Fixed(std::collections::BTreeMap<String, Vec<SocketAddr>>),
}

impl Lookup {
    async fn addresses(&self, name: &str) -> std::io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => tokio::net::lookup_host((name, 0)).await.map(Iterator::collect),
            #[cfg(test)]
            Self::Fixed(table) => table.get(name).cloned().ok_or(std::io::ErrorKind::NotFound.into()),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (origin, lookup) = (self.origin.clone(), self.lookup.clone());
        Box::pin(async move {
            let addresses = lookup.addresses(name.as_str()).await?;
            judge(&origin, addresses.iter().map(SocketAddr::ip))?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origin: &str, allow_private: bool, addresses: &[&str]) -> bool {
        let origin = Origin::parse(origin, allow_private).unwrap();
        judge(&origin, addresses.iter().map(|address| address.parse().unwrap())).is_ok()
    }

    #[test]
    fn t203_t204_one_address_that_is_not_public_condemns_the_name() {
        assert!(allowed("https://api.example.com", false, &["93.184.216.34", "2606:2800:220:1::1"]));
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "::",
            "fd00:ec2::254",
            "fe80::1",
            "::ffff:127.0.0.1",
            "::ffff:a9fe:a9fe",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
        ] {
            assert!(!allowed("https://api.example.com", false, &[address]), "{address}");
            assert!(!allowed("https://api.example.com", false, &["93.184.216.34", address]), "{address}");
        }
    }

    #[test]
    fn t203_consent_opens_private_addresses_but_no_metadata() {
        for address in ["10.1.2.3", "127.0.0.1", "fd00::1", "93.184.216.34"] {
            assert!(allowed("https://intranet.example.com", true, &[address]), "{address}");
        }
        for address in METADATA.into_iter().chain(["::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::"]) {
            assert!(!allowed("https://intranet.example.com", true, &[address]), "{address}");
        }
    }

    #[test]
    fn t210_plain_http_reaches_only_this_machine() {
        assert!(allowed("http://localhost:8420", true, &["127.0.0.1", "::1"]));
        assert!(!allowed("http://localhost:8420", true, &["127.0.0.1", "10.1.2.3"]));
        assert!(!allowed("http://localhost:8420", true, &["93.184.216.34"]));
    }
}
