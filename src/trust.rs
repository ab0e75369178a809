//! Whose certificates are believed: the authorities that are compiled in, and for a host that the settings name the ones
//! of a file instead. Nothing else decides this, no variable of the environment and no option of a URL (T199, T202).

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rustls::{
    CertificateError, ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::files;

/// The longest file of authorities.
const LONGEST: u64 = 256 * 1024;

/// The files of `[trust]`, by host, as the settings name them now. Whoever holds a copy sees it change.
#[derive(Debug, Clone, Default)]
pub struct Trust(Arc<RwLock<BTreeMap<String, PathBuf>>>);

/// Who may vouch for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorities {
    /// The authorities that browsers believe, as they were when this program was built.
    Public,
    /// These and no others.
    Private(Vec<CertificateDer<'static>>),
}

/// Why a server is not who it says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each says what it is")]
pub enum Distrust {
    #[error("its certificate has expired")]
    Expired,
    #[error("its certificate is not valid yet, unless the clock of this computer is wrong")]
    NotYet,
    #[error("its certificate is for another name")]
    OtherName,
    #[error("its certificate is signed by nobody who is trusted for it")]
    Unknown,
    #[error("its certificate is not acceptable")]
    Unacceptable,
    #[error("it speaks no TLS, or none that is safe")]
    NoTls,
    #[error("the file that `[trust]` of agentport.toml names for it cannot be used")]
    NoAuthority,
}

impl Trust {
    /// From now on these files hold.
    pub fn set(&self, files: &BTreeMap<String, PathBuf>) {
        let mut held = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if *held != *files {
            held.clone_from(files);
        }
    }

    /// Who may vouch for this host, as it stands in a URL. The file is read each time, so that a new one is in force at once.
    ///
    /// # Errors
    /// There is a file for it that cannot be used. Then nobody may: the authorities that are compiled in least of all.
    pub fn authorities(&self, host: &str) -> Result<Authorities, Distrust> {
        let host = bare(host);
        let file = self.0.read().unwrap_or_else(PoisonError::into_inner).get(host).cloned();
        let Some(file) = file else { return Ok(Authorities::Public) };
        Authorities::read(&file).map_err(|problem| {
            tracing::warn!("nobody vouches for `{host}`: {problem}");
            Distrust::NoAuthority
        })
    }
}

impl Authorities {
    /// Those of a file in PEM, which nobody else may write.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = files::read_guarded_up_to(file, LONGEST).map_err(|error| error.to_string())?;
        let text = text.ok_or_else(|| format!("`{}` is not there", file.display()))?;
        let unreadable = || format!("`{}` holds no certificate of an authority, in PEM", file.display());
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>().map_err(|_| unreadable())?;
        let mut roots = RootCertStore::empty();
        let all = certificates.iter().all(|certificate| roots.add(certificate.clone()).is_ok());
        if !all || roots.is_empty() {
            return Err(unreadable());
        }
        Ok(Self::Private(certificates))
    }

    /// What a connection is checked against.
    pub fn roots(&self) -> RootCertStore {
        match self {
            Self::Public => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
            Self::Private(certificates) => {
                let mut roots = RootCertStore::empty();
                // each was taken before
                roots.add_parsable_certificates(certificates.iter().cloned());
                roots
            }
        }
    }
}

/// TLS 1.2 or 1.3 to a server that one of these roots vouches for.
///
/// # Errors
/// There is no TLS in this program.
pub fn client(roots: impl Into<Arc<RootCertStore>>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

impl Distrust {
    /// Why a connection failed, where it failed because of who is at its other end.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source()).find_map(Self::of_one)
    }

    fn of_one(error: &(dyn Error + 'static)) -> Option<Self> {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(Self::from(error));
        }
        let within: &(dyn Error + 'static) = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref)?;
        Self::of(within)
    }
}

impl From<&rustls::Error> for Distrust {
    fn from(error: &rustls::Error) -> Self {
        let rustls::Error::InvalidCertificate(error) = error else { return Self::NoTls };
        match error {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => Self::Expired,
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Self::NotYet,
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => Self::OtherName,
            CertificateError::UnknownIssuer => Self::Unknown,
            // theirs, and new ones may come
            _ => Self::Unacceptable,
        }
    }
}

/// An IPv6 address stands in brackets in a URL, and without where it is checked.
pub fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standin(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/standins").join(name)
    }

    #[test]
    fn t202_a_private_authority_is_for_its_host_and_instead_of_all_others() {
        let trust = Trust::default();
        let held = trust.clone();
        trust.set(&[("db.internal".to_owned(), standin("authority.pem")), ("::1".to_owned(), standin("no"))].into());
        assert_eq!(held.authorities("api.stripe.com"), Ok(Authorities::Public));
        let private = held.authorities("db.internal").unwrap();
        assert_eq!((private.roots().len(), Authorities::Public.roots().len() > 100), (1, true));
        assert_eq!(held.authorities("[::1]"), Err(Distrust::NoAuthority));
        trust.set(&BTreeMap::new());
        assert_eq!(held.authorities("db.internal"), Ok(Authorities::Public));
    }

    #[test]
    fn a_file_that_holds_no_certificate_is_no_authority() {
        for (name, problem) in [("no.pem", "is not there"), ("README.md", "holds no certificate")] {
            let refused = Authorities::read(&standin(name)).unwrap_err();
            assert!(refused.contains(problem), "{refused}");
        }
    }
}
