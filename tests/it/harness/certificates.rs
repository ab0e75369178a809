//! An authority of a test's own, what it signs, and a server that shows such certificates: the right one, and each that must
//! be refused.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// Who signs.
pub struct Signer(CertifiedIssuer<'static, KeyPair>);

/// What a server shows, in PEM.
#[derive(Clone)]
pub struct Shown {
    pub certificate: String,
    pub key: String,
}

/// When a certificate holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Valid {
    Now,
    Before,
    Later,
}

impl Signer {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its own certificate, written for the settings to name.
    pub fn write(&self, path: &Path) -> PathBuf {
        fs::write(path, self.0.pem()).unwrap();
        path.to_owned()
    }

    /// The same, for a client.
    pub fn certificate(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A certificate for a name or an address.
    pub fn sign(&self, name: &str, valid: Valid) -> Shown {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf(name, valid).signed_by(&key, &self.0).unwrap();
        Shown { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Shown {
    /// One that nobody but its own key has signed.
    pub fn by_itself(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = leaf(name, Valid::Now).self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// `NAME.pem` and `NAME.key` in a folder, the key for its owner alone.
    pub fn write(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        use std::os::unix::fs::PermissionsExt as _;
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        fs::write(&certificate, &self.certificate).unwrap();
        fs::write(&key, &self.key).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        (certificate, key)
    }

    fn config(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        Arc::new(builder.with_no_client_auth().with_single_cert(chain, key).unwrap())
    }
}

fn leaf(name: &str, valid: Valid) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let (from, to) = match valid {
        Valid::Now => (2020, 2200),
        Valid::Before => (2020, 2021),
        Valid::Later => (2190, 2200),
    };
    (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
    params
}

/// A server on loopback with TLS, which answers every request alike and keeps what it was told inside of it.
pub struct Secure {
    port: u16,
    shown: Arc<Mutex<Shown>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Secure {
    /// It answers with status 200 and this JSON, once all of a request is there.
    pub fn answering(body: &str, shown: Shown) -> Self {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        Self::start("", answer, shown)
    }

    /// A mail server that speaks TLS from the start: it greets, and hears what the client says.
    pub fn greeting(shown: Shown) -> Self {
        Self::start("", "220 mail.example.test\r\n".to_owned(), shown)
    }

    /// A mail server that begins to speak TLS when it is asked to.
    pub fn upgrading(shown: Shown) -> Self {
        Self::start("220 mail.example.test\r\n", String::new(), shown)
    }

    /// One that says that it cannot, or of which somebody on the way says so: keeps what it is told all the same.
    pub fn stripped() -> (u16, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, heard) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
        let kept = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut answer = "220 mail.example.test\r\n";
                let mut bytes = [0; 1024];
                while stream.write_all(answer.as_bytes()).is_ok() {
                    let Ok(read @ 1..) = stream.read(&mut bytes) else { break };
                    kept.lock().unwrap().push(String::from_utf8_lossy(&bytes[..read]).into_owned());
                    answer = "250-mail.example.test\r\n250 AUTH PLAIN\r\n";
                }
            }
        });
        (port, heard)
    }

    fn start(greeting: &'static str, answer: String, shown: Shown) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, shown: Arc::new(Mutex::new(shown)), heard: Arc::default() };
        let (shown, heard) = (Arc::clone(&server.shown), Arc::clone(&server.heard));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, shown, heard) = (stream.unwrap(), shown.lock().unwrap().clone(), Arc::clone(&heard));
                let answer = answer.clone();
                std::thread::spawn(move || {
                    if !greeting.is_empty() && !upgraded(&mut stream, greeting) {
                        return;
                    }
                    let connection = ServerConnection::new(shown.config()).unwrap();
                    let mut stream = StreamOwned::new(connection, stream);
                    let mut bytes = [0; 16 * 1024];
                    if !answer.starts_with("HTTP") && stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                    if let Ok(read @ 1..) = stream.read(&mut bytes) {
                        heard.lock().unwrap().push(String::from_utf8_lossy(&bytes[..read]).into_owned());
                        stream.write_all(answer.as_bytes()).ok();
                        stream.conn.send_close_notify();
                        stream.flush().ok();
                    }
                });
            }
        });
        server
    }

    /// From now on it shows this.
    pub fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap() = shown;
    }

    /// What came through TLS so far.
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn origin(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }
}

/// A mail server's side of `STARTTLS`.
fn upgraded(stream: &mut TcpStream, greeting: &str) -> bool {
    let say = |stream: &mut TcpStream, text: &str| stream.write_all(text.as_bytes()).is_ok();
    let mut bytes = [0; 1024];
    let mut hear = |stream: &mut TcpStream| stream.read(&mut bytes).is_ok_and(|read| read > 0);
    say(stream, greeting)
        && hear(stream)
        && say(stream, "250-mail.example.test\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n")
        && hear(stream)
        && say(stream, "220 go on\r\n")
}
