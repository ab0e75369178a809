//! `[site]`: where people and agents come, and what proves that it is us.

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

use super::settings::unplaced;
use crate::diagnostic::Source;

/// Where the certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tls {
    /// Files of the owner's.
    Files(TlsFiles),
    /// An authority gives it.
    Acme(Acme),
}

/// `tls = { acme = { … } }`: whom to ask for a certificate, for the name of `public_url`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// The address of the authority's directory (RFC 8555).
    pub directory: String,
    /// The mail address that the authority may write to.
    pub contact: Option<String>,
    /// The name that the certificate is for.
    pub name: String,
}

/// Let's Encrypt's.
const DIRECTORY: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// `tls = { cert, key }`: files in PEM, read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and after it those between it and a root.
    pub cert: PathBuf,
    /// Its key, which nobody else may read.
    pub key: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawSite {
    listen: toml::Spanned<String>,
    public_url: toml::Spanned<String>,
    published_on: Option<toml::Spanned<String>>,
    socket: Option<toml::Spanned<String>>,
    tls: Option<toml::Spanned<RawTls>>,
    pub(super) session: toml::Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTls {
    cert: Option<String>,
    key: Option<String>,
    acme: Option<RawAcme>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAcme {
    directory: Option<String>,
    contact: Option<String>,
}

impl Default for RawSite {
    fn default() -> Self {
        Self {
            listen: unplaced("127.0.0.1:4747"),
            public_url: unplaced("http://localhost:4747"),
            published_on: None,
            socket: None,
            tls: None,
            session: unplaced("30d"),
        }
    }
}

/// Where the site is.
pub(super) struct Place {
    pub(super) listen: SocketAddr,
    pub(super) socket: Option<PathBuf>,
    pub(super) tls: Option<Tls>,
    pub(super) public_url: String,
}

/// The place that is named, if all of it is right.
pub(super) fn site(raw: &RawSite, source: &mut Source<'_>) -> Option<Place> {
    let published = published_on(raw.published_on.as_ref(), source);
    let tls = raw.tls.as_ref().and_then(|written| tls(written, raw.public_url.get_ref(), source));
    let wide = published || tls.is_some();
    let listen = raw.listen.get_ref().parse::<SocketAddr>().ok().filter(|address| address.ip().is_loopback() || wide);
    if listen.is_none() {
        source.problem(
            raw.listen.span(),
            "`listen` must be a loopback address with a port",
            Some(
                "for example \"127.0.0.1:4747\"; beyond it with `tls`, or in a container whose port is published on loopback only, which says so with `published_on`"
                    .to_owned(),
            ),
        );
    }
    let socket = raw.socket.as_ref().and_then(|path| socket(path, source));
    let public_url = public_url(&raw.public_url, source);
    if tls.is_some() && public_url.as_ref().is_some_and(|url| !url.starts_with("https:")) {
        let help = "for example \"https://agentport.example.com\", the name that the certificate is for".to_owned();
        source.problem(raw.public_url.span(), "with `tls`, `public_url` must be an https address", Some(help));
    }
    Some(Place { listen: listen?, socket, tls, public_url: public_url? })
}

fn tls(written: &toml::Spanned<RawTls>, public_url: &str, source: &mut Source<'_>) -> Option<Tls> {
    let (problem, help) = match written.get_ref() {
        RawTls { cert: Some(cert), key: Some(key), acme: None } => {
            let (cert, key) = (PathBuf::from(cert), PathBuf::from(key));
            if cert.is_absolute() && key.is_absolute() {
                return Some(Tls::Files(TlsFiles { cert, key }));
            }
            ("`cert` and `key` of `tls` must be absolute paths", None)
        }
        RawTls { cert: None, key: None, acme: Some(acme) } => match ordered(acme, public_url) {
            Ok(acme) => return Some(Tls::Acme(acme)),
            Err((problem, help)) => (problem, Some(help.to_owned())),
        },
        RawTls { .. } => (
            "`tls` has either `cert` and `key`, or `acme`",
            Some("tls = { acme = { contact = \"ops@example.com\" } }".to_owned()),
        ),
    };
    source.problem(written.span(), problem, help);
    None
}

fn ordered(written: &RawAcme, public_url: &str) -> Result<Acme, (&'static str, &'static str)> {
    let url = url::Url::parse(public_url).ok();
    let Some(url::Host::Domain(name)) = url.as_ref().and_then(url::Url::host) else {
        return Err(("with `acme`, `public_url` must have a name", "the one that the certificate is to be for"));
    };
    let directory = written.directory.as_deref().unwrap_or(DIRECTORY);
    let address = url::Url::parse(directory).ok().filter(|url| url.scheme() == "https" && url.username().is_empty());
    if address.is_none_or(|address| address.as_str() != directory) {
        let help = "the address of the authority's directory, or leave it out for Let's Encrypt";
        return Err(("`directory` of `acme` must be an https address", help));
    }
    let contact = written.contact.clone();
    let plain = |text: &str| text.contains('@') && text.bytes().all(|byte| byte.is_ascii_graphic());
    if contact.as_deref().is_some_and(|contact| !plain(contact)) {
        return Err(("`contact` of `acme` must be a mail address", "for example \"ops@example.com\""));
    }
    Ok(Acme { directory: directory.to_owned(), contact, name: name.to_owned() })
}

fn socket(value: &toml::Spanned<String>, source: &mut Source<'_>) -> Option<PathBuf> {
    // as long as the system's addresses are
    const LONGEST: usize = 100;
    let path = PathBuf::from(value.get_ref());
    if cfg!(unix) && path.is_absolute() && path.file_name().is_some() && value.get_ref().len() <= LONGEST {
        return Some(path);
    }
    source.problem(
        value.span(),
        format!("`socket` must be an absolute path of at most {LONGEST} bytes, on a system that has Unix sockets"),
        Some("for example \"/run/agentport/agentport.sock\"".to_owned()),
    );
    None
}

/// Does whoever publishes our port do so on loopback alone?
fn published_on(value: Option<&toml::Spanned<String>>, source: &mut Source<'_>) -> bool {
    let Some(value) = value else { return false };
    let loopback = value.get_ref().parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if !loopback {
        source.problem(
            value.span(),
            "`published_on` must be a loopback address: beyond it nobody may come without TLS",
            Some("\"127.0.0.1\", and publish the container's port there".to_owned()),
        );
    }
    loopback
}

/// Does the address name this computer itself, and no other?
pub fn is_this_computer(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn public_url(value: &toml::Spanned<String>, source: &mut Source<'_>) -> Option<String> {
    let url = url::Url::parse(value.get_ref()).ok().filter(|url| {
        let loopback = is_this_computer(url);
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        bare && (url.scheme() == "https" || (url.scheme() == "http" && loopback))
    });
    if url.is_none() {
        source.problem(
            value.span(),
            "`public_url` must be an https address, or http on localhost, without a path",
            Some("for example \"http://localhost:4747\"".to_owned()),
        );
    }
    url.map(|url| url.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use crate::config::{Environment, Settings};

    fn problems(site: &str) -> Vec<String> {
        match Settings::parse(&format!("[site]\n{site}\n"), &Environment::default()) {
            Ok(_) => Vec::new(),
            Err(found) => found.0.into_iter().map(|problem| problem.message).collect(),
        }
    }

    #[test]
    fn t157_beyond_loopback_with_tls_and_an_https_name() {
        let tls = "tls = { cert = \"/etc/a.pem\", key = \"/etc/a.key\" }";
        let (wide, name) = ("listen = \"0.0.0.0:443\"", "public_url = \"https://port.example.com\"");
        assert_eq!(problems(&format!("{wide}\n{name}\n{tls}")), Vec::<String>::new());
        assert_eq!(problems(&format!("{wide}\n{name}")), ["`listen` must be a loopback address with a port"]);
        assert_eq!(problems(tls), ["with `tls`, `public_url` must be an https address"]);
        let relative = "tls = { cert = \"a.pem\", key = \"/etc/a.key\" }";
        assert_eq!(problems(&format!("{name}\n{relative}")), ["`cert` and `key` of `tls` must be absolute paths"]);
        assert_eq!(problems("tls = { cert = \"/a\", key = \"/b\", insecure = true }").len(), 1);
    }

    #[test]
    fn a_certificate_is_ordered_for_a_name() {
        let name = "public_url = \"https://port.example.com\"";
        for acme in ["{}", "{ contact = \"ops@example.com\" }", "{ directory = \"https://ca.internal/dir\" }"] {
            assert_eq!(problems(&format!("{name}\ntls = {{ acme = {acme} }}")), Vec::<String>::new(), "{acme}");
        }
        let either = "`tls` has either `cert` and `key`, or `acme`";
        for (tls, problem) in [
            ("{}", either),
            ("{ cert = \"/a\" }", either),
            ("{ cert = \"/a\", key = \"/b\", acme = {} }", either),
            ("{ acme = { directory = \"http://ca.internal/dir\" } }", "`directory` of `acme` must be an https address"),
            ("{ acme = { directory = \"ca\" } }", "`directory` of `acme` must be an https address"),
            ("{ acme = { contact = \"nobody\" } }", "`contact` of `acme` must be a mail address"),
        ] {
            assert_eq!(problems(&format!("{name}\ntls = {tls}")), [problem], "{tls}");
        }
        let address = "public_url = \"https://192.0.2.1\"\ntls = { acme = {} }";
        assert_eq!(problems(address), ["with `acme`, `public_url` must have a name"]);
    }

    #[test]
    fn a_socket_has_an_absolute_path() {
        assert_eq!(problems("socket = \"/run/agentport/agentport.sock\""), Vec::<String>::new());
        for path in ["agentport.sock", "/", &"/long".repeat(30)] {
            assert_eq!(problems(&format!("socket = \"{path}\"")).len(), 1, "{path}");
        }
    }
}
