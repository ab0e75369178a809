//! The connection to a database server: to an address that was judged, with TLS by those who may vouch for its host, and
//! with an end to what it may send.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Run, Trouble};
use crate::{
    ledger::FailureKind,
    trust::{self, Authorities, Distrust, bare},
    upstream::http::judge,
};

/// Most bytes that a server may send for one call.
pub(super) const RECEIVED: usize = 32 * 1024 * 1024;

impl Run<'_> {
    /// The addresses that the host's name leads to, all of which may be connected to.
    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, Trouble> {
        let unreachable = |why: &str| Trouble::NotSent(FailureKind::Network, why.to_owned());
        let found = tokio::net::lookup_host((self.host(), self.address.port())).await;
        let found: Vec<_> = found.map_err(|_| unreachable("could not be found by its name"))?.collect();
        judge(self.origin, found.iter().map(SocketAddr::ip))
            .map_err(|_| unreachable("leads to a private or reserved address"))?;
        Ok(found)
    }

    /// Must the connection to these addresses be encrypted?
    pub(super) fn is_encrypted(&self, addresses: &[SocketAddr]) -> bool {
        let loopback = addresses.iter().all(|address| address.ip().is_loopback());
        self.address.is_encrypted(loopback && self.origin.allows_private())
    }

    /// A connection to the first of them that answers.
    pub(super) async fn connect(&self, addresses: &[SocketAddr]) -> Result<Wire, Trouble> {
        let stream = TcpStream::connect(addresses).await;
        let stream = stream.map_err(|_| Trouble::NotSent(FailureKind::Network, "could not be reached".to_owned()))?;
        // a statement is one small packet and waits for nothing
        drop(stream.set_nodelay(true));
        Ok(Wire { stream, allowance: Allowance::default() })
    }

    /// What makes it an encrypted one.
    pub(super) fn tls(&self) -> Result<(TlsConnector, ServerName<'static>), Trouble> {
        let impossible =
            || Trouble::NotSent(FailureKind::Network, "has a name that no certificate can have".to_owned());
        let name = ServerName::try_from(self.host().to_owned()).map_err(|_| impossible())?;
        let config = trust::client(self.authorities()?.roots()).map_err(|_| impossible())?;
        Ok((TlsConnector::from(Arc::new(config)), name))
    }

    /// Who may vouch for it.
    pub(super) fn authorities(&self) -> Result<Authorities, Trouble> {
        self.trust.authorities(self.host()).map_err(|distrust| self.unproven(distrust))
    }

    /// It is not who it should be, or cannot show it.
    pub(super) fn unproven(&self, distrust: Distrust) -> Trouble {
        let (host, port) = (self.address.host(), self.address.port());
        let why = format!("could not prove its identity as `{host}:{port}`: {distrust}");
        Trouble::NotSent(FailureKind::Network, why)
    }

    /// Its name or address, as a certificate has it.
    pub(super) fn host(&self) -> &str {
        bare(self.address.host())
    }
}

/// What a server may still send over a connection.
#[derive(Debug, Clone)]
pub(super) struct Allowance(Arc<AtomicUsize>);

impl Default for Allowance {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(RECEIVED)))
    }
}

impl Allowance {
    /// For another call.
    pub(super) fn renew(&self) {
        self.0.store(RECEIVED, Ordering::Relaxed);
    }

    fn use_up(&self, bytes: usize) -> io::Result<()> {
        let used = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        used.map(drop).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))
    }
}

/// A connection that ends when too much came over it.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    allowance: Allowance,
}

impl Wire {
    pub(super) fn allowance(&self) -> Allowance {
        self.allowance.clone()
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if let Err(too_much) = this.allowance.use_up(buffer.filled().len() - before) {
            return Poll::Ready(Err(too_much));
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// The same with TLS over it.
pub(super) struct Encrypted(pub(super) TlsStream<Wire>);

impl AsyncRead for Encrypted {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Encrypted {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(context)
    }
}
