//! A gateway elsewhere, asked over HTTP/1.1, by TCP or a Unix socket, one connection a request. Small on
//! purpose: every agent has a shim of its own.

#[cfg(unix)]
use std::os::unix::net::UnixStream;
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use rustls::{ClientConfig, ClientConnection, StreamOwned, pki_types::ServerName};
use serde_json::Value;
use url::Url;

#[cfg(unix)]
use crate::files;
use crate::{
    secret::Secret,
    trust::{self, Authorities, Distrust},
};

const CONNECT: Duration = Duration::from_secs(5);
/// Longer than any answer takes: a wait for a human and a slow service.
const ANSWER: Duration = Duration::from_mins(2);
/// The longest answer.
const LARGEST: usize = 16 * 1024 * 1024;

/// Where the gateway is, and the token that it knows this agent by.
#[derive(Debug)]
pub struct Remote {
    place: Place,
    /// At a socket the system says who asks.
    token: Option<Arc<Secret>>,
}

#[derive(Debug)]
enum Place {
    Plain(Url),
    Tls(Url, Arc<ClientConfig>),
    Socket(PathBuf),
}

/// What is asked.
#[derive(Debug, Default)]
pub(super) struct Question {
    pub(super) method: &'static str,
    /// Names with letters, digits and `_`, between slashes, and a query of ours.
    pub(super) path: String,
    pub(super) body: Option<Value>,
    /// The tag of an answer that is there already: the same is not sent again, and its code is 304 (RFC 9110, 13.1.2).
    pub(super) known: Option<String>,
}

/// What was answered.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) code: u16,
    /// JSON, if it is the gateway's.
    pub(super) body: Vec<u8>,
    /// What this answer is known by, where the gateway says it.
    pub(super) tag: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// It was not reached: nothing was asked.
    #[error("{0}")]
    Unreachable(io::Error),
    /// Who is there could not show that it is the gateway: nothing was asked.
    #[error("it could not prove its identity as `{0}`: {1}")]
    Untrusted(String, Distrust),
    /// It was asked, and what it did is not known.
    #[error("{0}")]
    Unanswered(io::Error),
}

impl Remote {
    /// From `AGENTPORT_URL`, `AGENTPORT_CA` and `AGENTPORT_TOKEN`. `None`: the gateway would not know who asks.
    ///
    /// # Errors
    /// The address is none that can be asked.
    pub fn new(url: &str, authorities: &Authorities, token: Option<Arc<Secret>>) -> Result<Option<Self>, String> {
        if let Some(path) = url.strip_prefix("unix:") {
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
            if !cfg!(unix) || !path.is_absolute() {
                return Err("AGENTPORT_URL must name the socket by its absolute path, as in unix:/run/agentport/agentport.sock, on a system that has them".to_owned());
            }
            return Ok(Some(Self { place: Place::Socket(path), token }));
        }
        let url = Url::parse(url).map_err(|error| format!("AGENTPORT_URL is no address: {error}"))?;
        if url.host().is_none() || !matches!(url.path(), "" | "/") || url.query().is_some() {
            return Err("AGENTPORT_URL must be a scheme, a host and a port, and nothing else".to_owned());
        }
        let place = match url.scheme() {
            "http" => Place::Plain(url),
            "https" => {
                let config = trust::client(authorities.roots()).map_err(|error| error.to_string())?;
                Place::Tls(url, Arc::new(config))
            }
            _ => return Err("AGENTPORT_URL must begin with http://, https:// or unix:".to_owned()),
        };
        Ok(token.map(|token| Self { place, token: Some(token) }))
    }

    /// One request. Blocks the thread.
    pub(super) fn ask(&self, question: &Question) -> Result<Answer, Lost> {
        let request = self.request(question);
        let answer = match &self.place {
            Place::Plain(url) => exchange(connect(url).map_err(Lost::Unreachable)?, &request),
            Place::Tls(url, tls) => exchange(handshake(url, tls)?, &request),
            Place::Socket(path) => exchange(knock(path).map_err(Lost::Unreachable)?, &request),
        };
        answer.map_err(Lost::Unanswered)
    }

    fn request(&self, Question { method, path, body, known }: &Question) -> zeroize::Zeroizing<String> {
        let origin = match &self.place {
            Place::Plain(url) | Place::Tls(url, _) => url.origin().ascii_serialization(),
            Place::Socket(_) => "http://localhost".to_owned(),
        };
        let authority = origin.split_once("://").map_or("", |(_, authority)| authority);
        let body = body.as_ref().map(ToString::to_string).unwrap_or_default();
        let token = self.token.as_ref().map(|token| format!("Authorization: Bearer {}\r\n", token.expose()));
        let token = zeroize::Zeroizing::new(token.unwrap_or_default());
        let known = known.as_ref().map(|tag| format!("If-None-Match: {tag}\r\n")).unwrap_or_default();
        let (token, length) = (token.as_str(), body.len());
        // INVARIANT: `path` is a path and nothing else, and `known` is what `is_tag` lets through
        zeroize::Zeroizing::new(format!(
            "{method} {path} HTTP/1.1\r\nHost: {authority}\r\n{token}{known}Accept: application/json\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
    }
}

/// Is this an entity tag, weak or not (RFC 9110, 8.8.3), of a length that is worth keeping?
fn is_tag(tag: &str) -> bool {
    let quoted = tag.trim_start_matches("W/").strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    quoted.is_some_and(|tag| tag.len() <= 100 && tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'))
}

fn connect(url: &Url) -> io::Result<TcpStream> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(ANSWER))?;
                stream.set_write_timeout(Some(ANSWER))?;
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn handshake(url: &Url, tls: &Arc<ClientConfig>) -> Result<StreamOwned<ClientConnection, TcpStream>, Lost> {
    let host = trust::bare(url.host_str().unwrap_or_default()).to_owned();
    let name = ServerName::try_from(host.clone()).map_err(|error| Lost::Unreachable(io::Error::other(error)))?;
    let connection = ClientConnection::new(Arc::clone(tls), name);
    let mut connection = connection.map_err(|error| Lost::Unreachable(io::Error::other(error)))?;
    let mut stream = connect(url).map_err(Lost::Unreachable)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).map_err(|error| match Distrust::of(&error) {
            Some(distrust) => Lost::Untrusted(host.clone(), distrust),
            None => Lost::Unreachable(error),
        })?;
    }
    Ok(StreamOwned::new(connection, stream))
}

/// At a socket that only the gateway can have put there, and at which only it answers (T263).
#[cfg(unix)]
fn knock(path: &Path) -> io::Result<UnixStream> {
    let owner = files::owner_of_socket(path).map_err(io::Error::other)?;
    let stream = UnixStream::connect(path)?;
    // asked of the one crate that can, which wants the stream for a moment
    stream.set_nonblocking(true)?;
    let stream = tokio::net::UnixStream::from_std(stream)?;
    let peer = stream.peer_cred()?.uid();
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    if peer != owner && peer != 0 {
        let message = format!("user {peer} answers at a socket of user {owner}'s");
        return Err(io::Error::other(message));
    }
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(ANSWER))?;
    Ok(stream)
}

/// There are none.
#[cfg(not(unix))]
fn knock(_path: &Path) -> io::Result<TcpStream> {
    Err(io::ErrorKind::Unsupported.into())
}

fn exchange(mut stream: impl Read + Write, request: &str) -> io::Result<Answer> {
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut answer = Vec::new();
    let mut piece = [0_u8; 16 * 1024];
    loop {
        if let Some(whole) = read(&answer) {
            return whole;
        }
        let count = stream.read(&mut piece)?;
        if count == 0 || answer.len() > LARGEST {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(piece.get(..count).unwrap_or_default());
    }
}

/// The answer, once all of it is there.
fn read(answer: &[u8]) -> Option<io::Result<Answer>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, rest) = answer.split_at_checked(end + 4)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let code = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let Some(code) = code else { return Some(Err(io::ErrorKind::InvalidData.into())) };
    let header = |name: &str| {
        let mut headers = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let body = if header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
        unchunked(rest)?
    } else {
        let length: usize = header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        rest.get(..length)?.to_vec()
    };
    let tag = header("etag").filter(|tag| is_tag(tag)).map(str::to_owned);
    Some(Ok(Answer { code, body, tag }))
}

/// A proxy may send an answer in chunks. `None` until the last one is there.
fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let (size, after) = rest.split_at_checked(end)?;
        let size = str::from_utf8(size).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        let after = after.get(2..)?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(after.get(..size)?);
        rest = after.get(size.checked_add(2)?..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{
        RootCertStore,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    };

    #[test]
    fn an_answer_is_read_once_it_is_whole_however_it_is_framed() {
        let plain = b"HTTP/1.1 202 Accepted\r\nETag: \"b\"\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
        let chunked =
            b"HTTP/1.1 202 Accepted\r\netag: \"b\"\r\nTransfer-Encoding: Chunked\r\n\r\n4\r\n{\"a\"\r\n4;x=y\r\n: 1}\r\n0\r\n\r\n";
        for (whole, least) in [(&plain[..], plain.len()), (&chunked[..], chunked.len() - 2)] {
            for end in 0..least {
                assert!(read(&whole[..end]).is_none(), "{end}");
            }
            let expected = Answer { code: 202, body: b"{\"a\": 1}".to_vec(), tag: Some("\"b\"".to_owned()) };
            assert_eq!(read(whole).unwrap().unwrap(), expected);
        }
        for not_one in ["b", "\"", "\"a\"b\"", "\"a b\"", "\"a", &format!("\"{}\"", "a".repeat(101))] {
            let answer = format!("HTTP/1.1 304 Not Modified\r\nETag: {not_one}\r\n\r\n");
            assert_eq!(read(answer.as_bytes()).unwrap().unwrap(), Answer { code: 304, body: Vec::new(), tag: None });
        }
        assert!(read(b"nonsense\r\n\r\n").unwrap().is_err());
    }

    /// T158, T202: a gateway under a name that its certificate is not for is asked nothing, nor is one whose certificate
    /// nobody signed.
    #[test]
    fn t202_a_certificate_for_another_name_or_by_nobody_ends_it_before_anything_is_asked() {
        let pem = |name: &str| std::fs::read(format!("{}/tests/standins/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&pem("loopback.pem")).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(&pem("loopback.key.pem")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let server = Arc::new(server.unwrap().with_no_client_auth().with_single_cert(chain, key).unwrap());
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = std::thread::spawn(move || {
            let mut asked = Vec::new();
            for _ in 0..3 {
                let connection = rustls::ServerConnection::new(Arc::clone(&server)).unwrap();
                let mut stream = StreamOwned::new(connection, listener.accept().unwrap().0);
                let mut heard = [0; 3];
                asked.push(stream.read_exact(&mut heard).is_ok());
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").ok();
                stream.flush().ok();
            }
            asked
        });
        let mut known = RootCertStore::empty();
        known.add(CertificateDer::from_pem_slice(&pem("authority.pem")).unwrap()).unwrap();
        let mut answers = Vec::new();
        for (host, roots) in [("127.0.0.1", known.clone()), ("localhost", known), ("127.0.0.1", RootCertStore::empty())]
        {
            let url = Url::parse(&format!("https://{host}:{port}")).unwrap();
            let remote = Remote { place: Place::Tls(url, Arc::new(trust::client(roots).unwrap())), token: None };
            answers.push(
                match remote.ask(&Question { method: "GET", path: "/tools".to_owned(), ..Question::default() }) {
                    Ok(Answer { code, .. }) => code.to_string(),
                    Err(Lost::Untrusted(host, distrust)) => format!("{host}: {distrust}"),
                    Err(Lost::Unreachable(error) | Lost::Unanswered(error)) => error.to_string(),
                },
            );
        }
        assert_eq!(
            answers,
            [
                "200",
                "localhost: its certificate is for another name",
                "127.0.0.1: its certificate is signed by nobody who is trusted for it"
            ]
        );
        assert_eq!(asked.join().unwrap(), [true, false, false]);
    }

    #[test]
    fn an_address_has_a_host_and_nothing_behind_it() {
        let token = || Some(Arc::new(Secret::new("apt_x".to_owned())));
        for url in ["http://localhost:4747", "https://port.example.com/", "unix:/run/a/b.sock", "unix:///run/a/b.sock"]
        {
            assert!(Remote::new(url, &Authorities::Public, token()).unwrap().is_some(), "{url}");
        }
        assert!(Remote::new("unix:/run/a/b.sock", &Authorities::Public, None).unwrap().is_some());
        assert!(Remote::new("http://localhost:4747", &Authorities::Public, None).unwrap().is_none());
        for url in [
            "",
            "localhost:4747",
            "ftp://x",
            "http://x/y",
            "http://x?y=z",
            "file:///etc/passwd",
            "unix:run/b.sock",
            "unix:",
        ] {
            assert!(Remote::new(url, &Authorities::Public, token()).is_err(), "{url}");
        }
    }
}
