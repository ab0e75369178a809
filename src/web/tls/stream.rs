//! A connection with TLS or without.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

use super::Certificate;

/// A connection with TLS or without. The handshake is made where its first bytes are read, so that nobody waits for it who
/// takes connections.
pub(in crate::web) enum Stream {
    Plain(TcpStream),
    Shaking(Box<Accept<TcpStream>>),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// One that was taken.
    pub(in crate::web) fn new(stream: TcpStream, certificate: Option<&Certificate>) -> Self {
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
