//! Servers on loopback, and the client against them.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _};

use super::*;
use crate::{
    account::Account,
    catalog::{AnswerKind, CredentialScheme, Effect, HttpRequest},
    evidence::unseen,
    plan::Plan,
    secret::Secret,
    trust::Distrust,
    upstream::{Credentials, credential::seal},
};

pub(in super::super) const SECRET: &str = "rk_test_4eC39HqLyjWDarjtT1zdp7dc";

/// Short enough for a test to wait for, long enough for two busy cores.
pub(in super::super) const QUICK: Limits = Limits {
    connect: Duration::from_secs(5),
    read: Duration::from_millis(700),
    write: Duration::from_millis(700),
    idle: Duration::from_millis(300),
    backoff: Duration::from_millis(2),
    body: 64 * 1024,
};

/// Patient limits, for tests in which nothing is late.
pub(in super::super) const SMALL: Limits =
    Limits { read: Duration::from_secs(20), write: Duration::from_secs(20), idle: Duration::from_secs(10), ..QUICK };

/// A server that answers each connection with `reply`, and remembers what it was sent.
#[derive(Clone)]
pub(in super::super) struct Server {
    pub(in super::super) address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// `reply` gets the connection after one whole request was read.
    pub(in super::super) fn start(reply: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (seen, reply) = (Arc::clone(&server.seen), Arc::new(reply));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, seen, reply) = (stream.unwrap(), Arc::clone(&seen), Arc::clone(&reply));
                std::thread::spawn(move || {
                    let request = read_request(&mut stream);
                    seen.lock().unwrap().push(request);
                    reply(&mut stream);
                });
            }
        });
        server
    }

    /// Answers every connection with these bytes and closes it.
    pub(in super::super) fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        Self::start(move |stream| drop(stream.write_all(&answer)))
    }

    pub(in super::super) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far, one per connection.
    pub(in super::super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

/// Head and body by content-length; empty if nothing came.
fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if length.is_none_or(|length| body.len() >= length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return text,
            Ok(length) => bytes.extend_from_slice(&chunk[..length]),
        }
    }
}

/// The credential of an account at `origin`, and a plan of it.
pub(in super::super) fn credential(account: &Account, effect: Effect, request: HttpRequest) -> (Credential, Plan) {
    let plan = Plan::of_request(account, effect, request);
    let sealed = seal(account, &CredentialScheme::Bearer, &Secret::new(SECRET.to_owned())).unwrap();
    (Credentials::from_sealed(&sealed, &plan).unwrap(), plan)
}

fn account(origin: &str, allow_private: bool) -> Account {
    Account {
        origin: Origin::parse(origin, allow_private).unwrap(),
        ..crate::upstream::credential::tests::account(origin)
    }
}

fn request() -> HttpRequest {
    HttpRequest::bare(crate::catalog::Method::Get, "/", AnswerKind::Plain)
}

async fn get(http: &Http, account: &Account) -> Result<Answer, Fault> {
    get_from(http, account, account.origin.as_str()).await
}

async fn get_from(http: &Http, account: &Account, origin: &str) -> Result<Answer, Fault> {
    let (credential, _) = credential(account, Effect::Read, request());
    let request = Request::new(reqwest::Method::GET, format!("{origin}/").parse().unwrap());
    let answer = http.send(request, &credential, http.limits().read).await;
    unseen(SECRET, "a fault", &format!("{:?} {credential:?}", answer.as_ref().err()));
    answer
}

/// A client whose names resolve to `table` and that trusts `roots`.
fn client(roots: RootCertStore, table: &[(&str, &[SocketAddr])]) -> Http {
    let table = table.iter().map(|(name, addresses)| ((*name).to_owned(), addresses.to_vec())).collect();
    Http::with(SMALL, roots, Lookup::Fixed(table))
}

#[tokio::test]
async fn an_answer_is_status_type_and_body() {
    let server = Server::saying(
        "HTTP/1.1 429 Slow\r\ncontent-type: text/plain\r\nretry-after: 7\r\nset-cookie: a=b\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi",
    );
    let http = Http::new(SMALL);
    let answer = get(&http, &account(&server.origin(), true)).await.unwrap();
    assert_eq!(
        (answer.status, answer.content_type.as_deref(), answer.retry_after, answer.body),
        (429, Some("text/plain"), Some(7), Ok(b"hi".to_vec()))
    );
    get(&http, &account(&server.origin(), true)).await.unwrap();
    let [first, second] = server.seen().try_into().unwrap();
    assert!(first.contains(&format!("\r\nauthorization: Bearer {SECRET}\r\n")), "{first}");
    assert!(first.contains("\r\nuser-agent: agentport/"), "{first}");
    assert!(!second.contains("cookie"), "{second}");
}

#[tokio::test]
async fn t196_a_secret_goes_to_its_own_origin_only() {
    let (mine, other) = (Server::saying(""), Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let refused = get_from(&Http::new(SMALL), &account(&mine.origin(), true), &other.origin()).await;
    assert_eq!(refused.unwrap_err(), Fault::NotSent(NotSent::Misdirected));
    assert_eq!(other.seen(), Vec::<String>::new());
}

#[tokio::test]
async fn t203_t204_a_name_is_refused_before_anything_is_connected() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    let public: SocketAddr = ([93, 184, 216, 34], 443).into();
    let http = client(RootCertStore::empty(), &[("api.example.test", &[public, server.address])]);
    let closed = account("https://api.example.test", false);
    assert_eq!(get(&http, &closed).await.unwrap_err(), Fault::NotSent(NotSent::Refused));
    assert_eq!(server.seen(), Vec::<String>::new());
    let nowhere = account("https://gone.test", false);
    assert_eq!(get(&http, &nowhere).await.unwrap_err(), Fault::NotSent(NotSent::NotFound));

    // a literal address asks no resolver, and consent opens no metadata service
    let metadata = account("https://169.254.169.254", true);
    assert_eq!(get(&http, &metadata).await.unwrap_err(), Fault::NotSent(NotSent::Refused));
    let metadata = account("https://[fd00:ec2::254]", true);
    assert_eq!(get(&http, &metadata).await.unwrap_err(), Fault::NotSent(NotSent::Refused));
}

#[tokio::test]
async fn nobody_there_is_certainly_not_sent() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let fault = get(&Http::new(SMALL), &account(&format!("http://{address}"), true)).await.unwrap_err();
    assert_eq!(fault, Fault::NotSent(NotSent::Unreachable));
}

/// The authority that signed the server's certificate, which nobody trusts.
fn test_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(include_bytes!("../testdata/ca.pem")).unwrap()).unwrap();
    roots
}

/// A TLS server with a certificate for `api.example.test`.
fn tls_server() -> Server {
    let certificate = CertificateDer::from(include_bytes!("../testdata/leaf.der").to_vec());
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(include_bytes!("../testdata/leaf.key.der").to_vec()));
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server { address: listener.local_addr().unwrap(), seen: Arc::default() };
    let seen = Arc::clone(&server.seen);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut tls = rustls::StreamOwned::new(connection, stream.unwrap());
            let mut request = [0; 4096];
            if let Ok(length @ 1..) = tls.read(&mut request) {
                seen.lock().unwrap().push(String::from_utf8_lossy(&request[..length]).into_owned());
                drop(tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nhi"));
            }
        }
    });
    server
}

#[tokio::test]
async fn t202_a_certificate_that_nobody_vouches_for_or_of_another_name_is_refused() {
    let server = tls_server();
    let table: &[(&str, &[SocketAddr])] =
        &[("api.example.test", &[server.address]), ("other.example.test", &[server.address])];
    let right = account("https://api.example.test", true);

    let unknown = client(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(), table);
    assert_eq!(get(&unknown, &right).await.unwrap_err(), Fault::NotSent(NotSent::Untrusted(Distrust::Unknown)));
    let vouched = client(test_roots(), table);
    let wrong = account("https://other.example.test", true);
    assert_eq!(get(&vouched, &wrong).await.unwrap_err(), Fault::NotSent(NotSent::Untrusted(Distrust::OtherName)));
    assert_eq!(server.seen(), Vec::<String>::new());

    assert_eq!(get(&vouched, &right).await.unwrap().body, Ok(b"hi".to_vec()));
    assert_eq!(server.seen().len(), 1);

    let garbage = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = garbage.local_addr().unwrap();
    std::thread::spawn(move || garbage.accept().unwrap().0.write_all(b"SSH-2.0-OpenSSH_9\r\n"));
    let http = client(test_roots(), &[("api.example.test", &[address])]);
    assert_eq!(get(&http, &right).await.unwrap_err(), Fault::NotSent(NotSent::Untrusted(Distrust::NoTls)));
}

#[tokio::test]
async fn t213_a_body_is_cut_at_the_limit_after_decompression() {
    let zeros = include_bytes!("../testdata/zeros.gz");
    let mut bomb = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\n\r\n".to_vec();
    bomb.extend_from_slice(zeros);
    let server = Server::saying(bomb);
    let answer = get(&Http::new(SMALL), &account(&server.origin(), true)).await.unwrap();
    assert_eq!((answer.status, answer.body), (200, Err(BodyFault::TooLarge)));
    let roomy = Http::new(Limits { body: 8 * 1024 * 1024, ..SMALL });
    let answer = get(&roomy, &account(&server.origin(), true)).await.unwrap();
    assert_eq!(answer.body.map(|body| body.len()), Ok(8 * 1024 * 1024), "the limit itself is allowed");

    let endless = Server::start(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n"));
        while stream.write_all(&[b'x'; 1024]).is_ok() {}
    });
    let answer = get(&Http::new(SMALL), &account(&endless.origin(), true)).await.unwrap();
    assert_eq!(answer.body, Err(BodyFault::TooLarge));

    let headers = (0..1000).map(|index| format!("x-{index}: y\r\n")).collect::<Vec<_>>().concat();
    let many = Server::saying(format!("HTTP/1.1 200 OK\r\n{headers}\r\n"));
    let fault = get(&Http::new(SMALL), &account(&many.origin(), true)).await.unwrap_err();
    assert_eq!(fault, Fault::Lost(Lost::Cut));
}

#[tokio::test]
async fn t213_a_slow_body_ends_at_a_deadline() {
    let silent = Server::start(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"));
        std::thread::sleep(Duration::from_secs(20));
    });
    let idle = Limits { idle: Duration::from_millis(50), ..SMALL };
    let answer = get(&Http::new(idle), &account(&silent.origin(), true)).await.unwrap();
    assert_eq!(answer.body, Err(BodyFault::Lost(Lost::Timeout)));

    let dripping = Server::start(|stream| {
        drop(stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"));
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let whole = Limits { read: Duration::from_secs(3), ..SMALL };
    let answer = get(&Http::new(whole), &account(&dripping.origin(), true)).await.unwrap();
    assert_eq!(answer.body, Err(BodyFault::Lost(Lost::Timeout)));
}

#[tokio::test]
async fn t208_each_secret_has_connections_of_its_own() {
    // answers everything on one connection, so that a second connection is a choice of the client's
    let connections = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&connections);
    let server = Server::start(move |stream| {
        *counted.lock().unwrap() += 1;
        while stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").is_ok() {
            if read_request(stream).is_empty() {
                return;
            }
        }
    });
    let http = Http::new(SMALL);
    let first = account(&server.origin(), true);
    let connections_after = async |account: &Account| {
        assert_eq!(get(&http, account).await.unwrap().status, 200);
        *connections.lock().unwrap()
    };
    assert_eq!(connections_after(&first).await, 1);
    assert_eq!(connections_after(&first).await, 1);
    let second = Account { id: "acc_2".to_owned(), ..first.clone() };
    assert_eq!(connections_after(&second).await, 2);
    assert_eq!(http.pools.lock().unwrap().len(), 1, "the old account's connections are dropped");
}

// --- a hostile environment, in a process of its own ---

const TARGET: &str = "AGENTPORT_TEST_TARGET";
const ENVIRONMENT: &str = "upstream::http::tests::in_a_hostile_environment";

/// Runs [`in_a_hostile_environment`] in a process with these variables; what it printed.
#[expect(clippy::disallowed_methods, reason = "a test's own process: changing the environment of this one is unsafe")]
fn run_with(variables: &[(&str, &str)]) -> String {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", ENVIRONMENT, "--nocapture", "--test-threads", "1"])
        .envs(variables.iter().copied())
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Does nothing but in the processes of [`run_with`].
#[tokio::test]
#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a test's own process tells its parent by both")]
async fn in_a_hostile_environment() {
    let Ok(target) = std::env::var(TARGET) else { return };
    let (origin, address) = target.split_once(' ').unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let roots = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let answer = get(&client(roots, &[("api.example.test", &[address])]), &account(origin, true)).await;
    println!("answer: {:?}", answer.map(|answer| answer.status));
}

#[test]
fn t198_proxies_of_the_environment_are_ignored() {
    let server = Server::saying("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let proxy = Server::saying("HTTP/1.1 418 Proxy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    let name = format!("http://{}", proxy.address);
    let mut variables: Vec<(&str, &str)> = Vec::new();
    for variable in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
        variables.push((variable, &name));
    }
    let plain = format!("{} {}", server.origin(), server.address);
    let output = run_with(&[&variables[..], &[(TARGET, plain.as_str())]].concat());
    assert!(output.contains("answer: Ok(200)"), "{output}");

    let tls = tls_server();
    let secure = format!("https://api.example.test {}", tls.address);
    let output = run_with(&[&variables[..], &[(TARGET, secure.as_str())]].concat());
    assert!(output.contains("answer: Err(NotSent(Untrusted(Unknown)))"), "{output}");
    assert_eq!((proxy.seen(), server.seen().len()), (Vec::new(), 1));
}

#[test]
fn t199_roots_of_the_environment_are_ignored() {
    let tls = tls_server();
    let target = format!("https://api.example.test {}", tls.address);
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/upstream/testdata");
    let file = format!("{directory}/ca.pem");
    let output = run_with(&[(TARGET, &target), ("SSL_CERT_FILE", &file), ("SSL_CERT_DIR", directory)]);
    assert!(output.contains("answer: Err(NotSent(Untrusted(Unknown)))"), "{output}");
    assert_eq!(tls.seen(), Vec::<String>::new());
}
