//! Where the site listens: `127.0.0.1` and `[::1]` on one port, and no more connections than a site for one human needs.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep, sleep},
};

use super::tls::{Certificate, Stream};

/// How many ports are tried: the configured one and those after it.
const PORTS: u16 = 10;
const MOST_CONNECTIONS: usize = 128;
/// A gateway has many agents, each with several.
const MOST_OF_A_GATEWAY: usize = 1024;
/// How long a connection may be silent, so that none takes a place for ever. Longer than any answer takes.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);
/// And until it has said its first word, with TLS its handshake.
const FIRST_WORD: Duration = Duration::from_secs(20);

/// Both loopback addresses, as one listener.
#[derive(Debug)]
pub(super) struct Loopback {
    v4: Option<TcpListener>,
    v6: Option<TcpListener>,
    port: u16,
    places: Arc<Semaphore>,
    tls: Option<Arc<Certificate>>,
}

impl Loopback {
    /// Binds `remembered` if it is free, else the first free port from `configured` on. `None`: none of them is.
    pub(super) async fn bind(configured: u16, remembered: Option<u16>) -> Option<Self> {
        let following = (0..PORTS).map_while(|step| configured.checked_add(step));
        for port in remembered.into_iter().chain(following) {
            match Self::bind_port(port).await {
                Ok(bound) => return Some(bound),
                Err(error) => tracing::debug!("port {port} is not free: {error}"),
            }
        }
        None
    }

    /// Binds this port or none.
    pub(super) async fn bind_only(port: u16) -> Option<Self> {
        Self::bind_port(port).await.ok()
    }

    /// Binds this address or none; of loopback both. For a gateway.
    pub(super) async fn bind_exactly(address: SocketAddr) -> io::Result<Self> {
        let mut bound = if address.ip().is_loopback() {
            Self::bind_port(address.port()).await?
        } else {
            let listener = TcpListener::bind(address).await?;
            let port = listener.local_addr()?.port();
            Self { v4: Some(listener), v6: None, port, places: Arc::new(Semaphore::new(0)), tls: None }
        };
        bound.places = Arc::new(Semaphore::new(MOST_OF_A_GATEWAY));
        Ok(bound)
    }

    /// A port is free when no loopback address of it is somebody else's: a link by name must never lead to them.
    async fn bind_port(port: u16) -> io::Result<Self> {
        let v4 = existing(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await)?;
        // port 0 asks for any; the second address then takes the same one
        let port = v4.as_ref().map_or(Ok(port), |bound| bound.local_addr().map(|address| address.port()))?;
        let v6 = existing(TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await)?;
        if v4.is_none() && v6.is_none() {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        Ok(Self { v4, v6, port, places: Arc::new(Semaphore::new(MOST_CONNECTIONS)), tls: None })
    }

    /// The same with TLS, where there is a certificate.
    pub(super) fn with(self, tls: Option<Arc<Certificate>>) -> Self {
        Self { tls, ..self }
    }

    /// Has it TLS of our own?
    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The port of both.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

/// A machine without this protocol has no such address, which is no failure.
fn existing(result: io::Result<TcpListener>) -> io::Result<Option<TcpListener>> {
    match result {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported) => Ok(None),
        // EAFNOSUPPORT has no kind of its own
        Err(error) if error.raw_os_error() == Some(97) || error.raw_os_error() == Some(47) => Ok(None),
        Err(error) => Err(error),
    }
}

impl axum::serve::Listener for Loopback {
    type Io = Connection<Stream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            // waiting here leaves further connections in the system's queue
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let accepted = tokio::select! {
                accepted = accept(self.v4.as_ref()) => accepted,
                accepted = accept(self.v6.as_ref()) => accepted,
            };
            match accepted {
                Ok((stream, from)) => return (Connection::new(Stream::new(stream, self.tls.as_deref()), place), from),
                Err(error) => {
                    // too many open files, or a client that left again: others may still come
                    tracing::debug!("a connection could not be taken: {error}");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)))
    }
}

/// Where a connection comes from, as the system says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remote(SocketAddr);

impl Remote {
    /// From this computer itself?
    pub(super) fn is_this_computer(self) -> bool {
        self.0.ip().to_canonical().is_loopback()
    }
}

impl Connected<IncomingStream<'_, Loopback>> for Remote {
    fn connect_info(stream: IncomingStream<'_, Loopback>) -> Self {
        Self(*stream.remote_addr())
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// A connection that holds its place, and gives it back when nothing comes or goes any more.
#[derive(Debug)]
pub(super) struct Connection<S> {
    stream: S,
    silence: Pin<Box<Sleep>>,
    _place: OwnedSemaphorePermit,
}

impl<S> Connection<S> {
    /// One that has a place.
    pub(super) fn new(stream: S, place: OwnedSemaphorePermit) -> Self {
        Self { stream, silence: Box::pin(sleep(FIRST_WORD)), _place: place }
    }

    fn heard(&mut self) {
        self.silence.as_mut().reset(Instant::now() + LONGEST_SILENCE);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Connection<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if read.is_ready() {
            self.heard();
        } else if self.silence.as_mut().poll(context).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Connection<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.heard();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_is_loopback_in_either_spelling_and_nothing_else() {
        for (address, here) in [
            ("127.0.0.1:1", true),
            ("127.8.8.8:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("[::ffff:10.0.0.7]:1", false),
            ("172.17.0.1:1", false),
            ("0.0.0.0:1", false),
            ("[fe80::1]:1", false),
        ] {
            assert_eq!(Remote(address.parse().unwrap()).is_this_computer(), here, "{address}");
        }
    }

    #[tokio::test]
    async fn a_taken_port_is_passed_over_and_a_remembered_one_comes_first() {
        // another process may grab a neighbouring port meanwhile: only what was found free before is expected
        let foreign = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let taken = foreign.local_addr().unwrap().port();
        let other = Loopback::bind(taken, None).await.unwrap();
        assert!((taken + 1..taken + PORTS).contains(&other.port()), "{taken} {}", other.port());
        let remembered = other.port();
        drop(other);
        assert_eq!(Loopback::bind(taken, Some(remembered)).await.unwrap().port(), remembered);
    }

    #[tokio::test]
    async fn a_port_that_is_taken_on_one_address_is_taken() {
        let foreign = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await;
        let Ok(foreign) = foreign else { return };
        assert!(Loopback::bind_port(foreign.local_addr().unwrap().port()).await.is_err());
    }
}
