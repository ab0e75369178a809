//! The gateway's Unix socket: agents of this computer, without the network.
//!
//! Everybody may knock (mode 0666), because it is the system that says who does; it lies in a folder in which nobody but us
//! and root can put anything (T263). There are no pages here: a browser cannot come.

use std::{
    fs::Permissions,
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{extract::connect_info::Connected, serve::IncomingStream};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::sleep,
};

use super::{listener::Connection, peer::Peer};
use crate::{files, gateway::Gateway};

const MOST_CONNECTIONS: usize = 512;
/// So many of those who are not named, to be told so, keep nobody else out.
const MOST_STRANGERS: usize = 8;

/// Listens, and is taken away in the end.
#[derive(Debug)]
pub(super) struct Socket {
    listener: UnixListener,
    path: PathBuf,
    gateway: Arc<Gateway>,
    places: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

impl Socket {
    /// Listens at `path`, where nobody else may.
    pub(super) async fn bind(path: &Path, gateway: &Arc<Gateway>) -> Result<Self, String> {
        files::check_socket_folder(path).map_err(|error| error.to_string())?;
        // one that nobody listens at is left over from a gateway that was killed
        match UnixStream::connect(path).await {
            Ok(_) => return Err(format!("something listens at {} already; stop it first", path.display())),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => drop(std::fs::remove_file(path)),
            Err(_) => {}
        }
        let failed = |error: io::Error| format!("{}: {error}", path.display());
        let listener = UnixListener::bind(path).map_err(failed)?;
        let (places, strangers) = (Semaphore::new(MOST_CONNECTIONS), Semaphore::new(MOST_STRANGERS));
        let socket = Self {
            listener,
            path: path.to_owned(),
            gateway: Arc::clone(gateway),
            places: Arc::new(places),
            strangers: Arc::new(strangers),
        };
        std::fs::set_permissions(path, Permissions::from_mode(0o666)).map_err(failed)?;
        Ok(socket)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

impl axum::serve::Listener for Socket {
    type Io = Connection<UnixStream>;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Peer) {
        loop {
            let accepted = self.listener.accept().await;
            match accepted.and_then(|(stream, _)| Ok((Peer::new(stream.peer_cred()?.uid()), stream))) {
                Ok((peer, stream)) => {
                    let places = if peer.is_named(&self.gateway) { &self.places } else { &self.strangers };
                    // without a place: hung up on
                    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
                        return (Connection::new(stream, place), peer);
                    }
                }
                Err(error) => {
                    tracing::debug!("a connection to the socket could not be taken: {error}");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer::new(rustix::process::geteuid().as_raw()))
    }
}

impl Connected<IncomingStream<'_, Socket>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Socket>) -> Self {
        *stream.remote_addr()
    }
}
