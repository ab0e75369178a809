//! TLS of our own: the certificate, read again when its files change, and a connection that begins with its handshake.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, RwLock},
    task::{Context, Poll, ready},
    time::Duration,
};

use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};
use tokio_util::sync::CancellationToken;

use crate::{canonical, config::TlsFiles, files};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What proves to a client that it is us.
#[derive(Debug)]
pub(super) struct Certificate {
    files: TlsFiles,
    config: RwLock<Arc<ServerConfig>>,
    /// The digest of the files that were looked at last, good or not.
    seen: Mutex<[u8; 32]>,
}

impl Certificate {
    /// Reads the files: the key must be nobody else's to read, and that of the certificate.
    pub(super) fn read(files: TlsFiles) -> Result<Self, String> {
        let (seen, config) = load(&files)?;
        Ok(Self { files, config: RwLock::new(Arc::new(config?)), seen: Mutex::new(seen) })
    }

    /// Takes a new one when there is one, until `stop`. The last good one stays meanwhile.
    pub(super) async fn watch(self: Arc<Self>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let this = Arc::clone(&self);
            drop(tokio::task::spawn_blocking(move || this.look()).await);
        }
    }

    fn look(&self) {
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

    fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The digest of the files, and what they are worth.
fn load(files: &TlsFiles) -> Result<([u8; 32], Result<ServerConfig, String>), String> {
    let missing = |path: &std::path::Path| format!("`{}` is not there", path.display());
    let cert = files::read_guarded(&files.cert).map_err(|error| error.to_string())?;
    let cert = cert.ok_or_else(|| missing(&files.cert))?;
    let key = files::read_private(&files.key).map_err(|error| error.to_string())?;
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
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config =
        builder.map_err(|error| error.to_string())?.with_no_client_auth().with_single_cert(chain, key).map_err(
            |error| format!("`{}` and `{}` do not belong together: {error}", files.cert.display(), files.key.display()),
        )?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// A connection with TLS or without. The handshake is made where its first bytes are read, so that nobody waits for it who
/// takes connections.
pub(super) enum Stream {
    Plain(TcpStream),
    Shaking(Box<Accept<TcpStream>>),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// One that was taken.
    pub(super) fn new(stream: TcpStream, certificate: Option<&Certificate>) -> Self {
        match certificate {
            Some(certificate) => Self::Shaking(Box::new(TlsAcceptor::from(certificate.config()).accept(stream))),
            None => Self::Plain(stream),
        }
    }

    /// What bytes go through, once the handshake is made.
    fn poll_made(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Pin<&mut dyn Through>>> {
        if let Self::Shaking(accept) = self {
            let made = ready!(Pin::new(accept.as_mut()).poll(context))?;
            *self = Self::Secure(Box::new(made));
        }
        Poll::Ready(match self {
            Self::Plain(stream) => Ok(Pin::new(stream)),
            Self::Secure(stream) => Ok(Pin::new(stream.as_mut())),
            Self::Shaking(_) => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

trait Through: AsyncRead + AsyncWrite + Unpin {}

impl Through for TcpStream {}
impl Through for TlsStream<TcpStream> {}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_made(context))?.poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_made(context))?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // nothing was written before the handshake was made
        if matches!(*self, Self::Shaking(_)) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_made(context))?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(*self, Self::Shaking(_)) {
            return Poll::Ready(Ok(()));
        }
        ready!(self.poll_made(context))?.poll_shutdown(context)
    }
}
