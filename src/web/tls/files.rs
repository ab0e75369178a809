//! The owner's files: certificate and key, read again when they change. They may be links, as certbot makes them.

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{server, validity};
use crate::{canonical, clock::Millis, config::TlsFiles, files};

/// How often the files are looked at.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// The certificate of the files, and the key.
#[derive(Debug)]
pub(in crate::web) struct FromFiles {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// The digest of the files that were looked at last, good or not.
    seen: Mutex<[u8; 32]>,
}

impl FromFiles {
    /// Reads the files: the key must be nobody else's to read, and that of the certificate.
    pub(super) fn read(files: TlsFiles) -> Result<Self, String> {
        let (seen, config) = load(&files)?;
        Ok(Self { files, config: RwLock::new(Arc::new(config?)), seen: Mutex::new(seen) })
    }

    /// Takes a new one where there is one.
    pub(super) fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match load(&self.files) {
            Ok((now, _)) if now == *seen => {}
            Ok((now, Ok(config))) => {
                *seen = now;
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                tracing::info!("the certificate was read again");
            }
            // said once for each state of the files, and again when they are back
            Ok((now, Err(problem))) => {
                *seen = now;
                tracing::warn!("the new certificate cannot be used, the one before stays: {problem}");
            }
            Err(problem) => {
                if std::mem::take(&mut *seen) != [0; 32] {
                    tracing::warn!("the certificate cannot be read, the one before stays: {problem}");
                }
            }
        }
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Until when the certificate of these files is valid, where it can be read.
pub fn valid_until(files: &TlsFiles) -> Option<Millis> {
    let text = files::follow(&files.cert).and_then(|path| files::read_guarded(&path)).ok()??;
    validity::of_pem(text.as_bytes()).map(|valid| valid.end)
}

/// The digest of the files, and what they are worth.
fn load(files: &TlsFiles) -> Result<([u8; 32], Result<ServerConfig, String>), String> {
    let missing = |path: &std::path::Path| format!("`{}` is not there", path.display());
    let (cert, key) = (files::follow(&files.cert), files::follow(&files.key));
    let cert = cert.and_then(|path| files::read_guarded(&path)).map_err(|error| error.to_string())?;
    let cert = cert.ok_or_else(|| missing(&files.cert))?;
    let key = key.and_then(|path| files::read_private(&path)).map_err(|error| error.to_string())?;
    let key = zeroize::Zeroizing::new(key.ok_or_else(|| missing(&files.key))?);
    let digest = canonical::sha256("agentport/certificate", &[cert.as_bytes(), &key]);
    Ok((digest, config(files, cert.as_bytes(), &key)))
}

fn config(files: &TlsFiles, cert: &[u8], key: &[u8]) -> Result<ServerConfig, String> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(cert)
        .collect::<Result<_, _>>()
        .map_err(|_| format!("`{}` is no certificate in PEM", files.cert.display()))?;
    if chain.is_empty() {
        return Err(format!("`{}` has no certificate in PEM", files.cert.display()));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| format!("`{}` is no key in PEM", files.key.display()))?;
    let mut config = server()?.with_single_cert(chain, key).map_err(|error| {
        format!("`{}` and `{}` do not belong together: {error}", files.cert.display(), files.key.display())
    })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
