//! K: where requests go: to their origin, past no certificate and no redirect of somebody else's.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    sync::{Arc, Mutex},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::json;

use super::peak_memory;
use crate::harness::{Observer, Port, Reply, Upstream};

/// A certificate that the environment vouches for is not one that we trust.
#[test]
fn t199_roots_of_the_environment_are_ignored() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/standins");
    let authority = format!("{folder}/authority.pem");
    let tls = Tls::start(&format!("{folder}/loopback.pem"));
    assert_eq!(tls.fetch_trusting(&authority), "HTTP/1.1 200 X");
    let port = Port::enrolled();
    let arguments = ["connect", "stripe", "--origin", &tls.origin(), "--allow-private", "--secret-stdin", "--json"];
    let before = tls.seen();
    let refused =
        port.cli(arguments).env("SSL_CERT_FILE", &authority).env("SSL_CERT_DIR", folder).stdin(port.canary()).exits(1);
    assert!(refused.error().contains("nothing was stored"), "{refused:?}");
    assert_eq!((tls.seen(), port.cli(["accounts", "--json"]).done().json()), (before, json!([])));
}

#[test]
fn t200_no_redirect_is_followed() {
    let elsewhere = Upstream::plain();
    let target = elsewhere.origin();
    let upstream = Upstream::start(move |request| {
        let status =
            request.line.rsplit("cus_").next().unwrap().get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(307);
        let location = match request.line.rsplit("cus_").next().unwrap().get(3..) {
            Some("path") => "/v1/other".to_owned(),
            Some("slashes") => target.trim_start_matches("http:").to_owned(),
            Some("user") => target.replace("http://", "http://user:pass@"),
            Some("script") => "javascript:alert(1)".to_owned(),
            _ => format!("{target}/v1/refunds"),
        };
        Reply::with(status, &[("location", &location), ("refresh", &format!("0; url={location}"))], b"")
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let mut expected = Vec::new();
    for kind in ["301", "302", "303", "307", "308", "302path", "302slashes", "302user", "307script", "300"] {
        let answer = wire.call("stripe_get_customer", json!({"customer": format!("cus_{kind}")}));
        assert_eq!(
            (answer.failed(), &answer.0["error"]["http_status"]),
            ("redirect", &json!(kind.get(..3).unwrap().parse::<u16>().unwrap()))
        );
        expected.push(format!("GET /v1/customers/cus_{kind}"));
    }
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    let refused = port.cli(["approvals", "approve", &id, "--code-stdin", "--json"]).stdin(&port.code()).exits(1).json();
    assert_eq!((&refused["status"], &refused["error"]["kind"]), (&json!("failed"), &json!("redirect")));
    expected.push("POST /v1/refunds".to_owned());
    assert_eq!((upstream.lines(), elsewhere.lines()), (expected, Vec::<String>::new()));
    // nor at connect
    let redirecting = Upstream::bare(move |_| Reply::with(302, &[("location", "/v1/account")], b""));
    let origin = redirecting.origin();
    let arguments =
        ["connect", "stripe", "--account", "other", "--origin", &origin, "--allow-private", "--secret-stdin"];
    port.cli(arguments).stdin(port.canary()).exits(1);
    assert_eq!(redirecting.lines(), Vec::<String>::new());
}

/// The origin stands beside the secret too, and both must agree.
#[test]
fn t201_t186_a_credential_goes_to_its_origin_and_nowhere_else() {
    let (upstream, evil) = (Upstream::plain(), Upstream::bare(|_| Reply::json(200, &json!({}))));
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    for arguments in
        [json!({"base_url": evil.origin()}), json!({"origin": evil.origin()}), json!({"account": evil.origin()})]
    {
        assert_eq!(wire.call("stripe_list_customers", arguments).status(), "invalid_arguments");
    }
    // somebody writes another origin into the database
    let changed =
        port.database().execute("UPDATE account SET body = replace(body, ?, ?)", [upstream.origin(), evil.origin()]);
    assert_eq!(changed.unwrap(), 1);
    assert_eq!(wire.call("stripe_list_customers", json!({})).failed(), "credential");
    port.cli(["approvals", "approve", &id, "--code-stdin"]).stdin(&port.code()).exits(1);
    // or another home with its own database takes the vault and its key
    let thief = Port::enrolled();
    thief.connect_stripe(&evil.origin());
    for (file, from, to) in
        [("vault.age", port.home(), thief.home()), ("key", port.folder().to_owned(), thief.folder().to_owned())]
    {
        fs::copy(from.join(file), to.join(file)).unwrap();
    }
    let mut stolen = thief.wire();
    assert_eq!(stolen.call("stripe_list_customers", json!({})).failed(), "credential");
    assert_eq!((upstream.lines(), evil.lines()), (Vec::<String>::new(), Vec::<String>::new()));
}

/// Answers that come before the answer, and what comes after it, are not the answer.
#[test]
fn t207_what_surrounds_an_answer_is_bounded_and_says_nothing() {
    let early = "HTTP/1.1 103 Early\r\nlink: </x>; rel=preload\r\n\r\n";
    let continued = "HTTP/1.1 100 Continue\r\n\r\n";
    let good = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\nconnection: close\r\n";
    let upstream = Upstream::start(move |request| {
        let bytes = match request.line.rsplit('_').next().unwrap() {
            "few" => format!("{}{good}content-length: 12\r\n\r\n{{\"id\":\"few\"}}", early.repeat(3)),
            "flood" => continued.repeat(100_000),
            "trailers" => format!(
                "{good}transfer-encoding: chunked\r\ntrailer: location, x-status\r\n\r\n11\r\n{{\"id\":\"trailers\"}}\r\n0\r\n\
                location: http://evil.example/\r\nx-status: 500\r\ncontent-type: text/html\r\n\r\n"
            ),
            "trail" => {
                format!("{good}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n{}\r\n", "a: b\r\n".repeat(100_000))
            }
            "header" => format!("{good}x-long: {}\r\ncontent-length: 2\r\n\r\n{{}}", "y".repeat(8 << 20)),
            "pseudo" => format!("{good}:status: 500\r\n:path: /v1/refunds\r\ncontent-length: 2\r\n\r\n{{}}"),
            _ => format!("{good}content-length: 2\r\ncontent-length: 17\r\n\r\n{{}}HTTP/1.1 200 X"),
        };
        Reply::Bytes(bytes.into_bytes())
    });
    let port = Port::connected(&upstream);
    let mut wire = port.wire();
    let mut answer = |kind: &str| wire.call("stripe_get_customer", json!({"customer": format!("cus_{kind}")}));
    assert_eq!(answer("few").completed(), json!({"id": "few"}));
    assert_eq!(answer("trailers").completed(), json!({"id": "trailers"}));
    for kind in ["header", "pseudo", "lengths"] {
        assert_eq!(answer(kind).failed(), "network", "{kind}");
    }
    // whatever is made of these: it ends, and takes no memory for what it does not keep
    for kind in ["flood", "trail"] {
        answer(kind).status();
    }
    let peak = peak_memory(wire.pid());
    assert!(peak < 256 << 10, "{peak} KiB");
}

/// Nobody is called but the services that were connected: no crash reports, no look for a newer version, no statistics.
#[test]
fn t212_nobody_hears_of_it_but_the_service() {
    let upstream = Upstream::plain();
    let mut port = Port::empty();
    let observer = Observer::of(&mut port);
    port.init();
    port.enrol();
    assert_eq!(observer.calls(), Vec::<String>::new());
    port.connect_stripe(&upstream.origin());
    let mut wire = port.wire();
    wire.call("stripe_list_customers", json!({})).completed();
    let id = wire.call("stripe_create_refund", json!({"charge": "ch_1"})).approval_id();
    port.approve(&id);
    drop(wire);
    port.cli(["doctor"]).run();
    port.cli(["--version"]).done();
    port.cli(["log", "verify"]).done();
    let token = port.let_in(&["claude"]);
    let served = port.serve();
    assert_eq!(served.ask(&token, "POST", "/stripe/list_customers", &json!({})).code, 200);
    drop(served);
    // a panic and an error are the person's own
    port.cli(["accounts"]).env("AGENTPORT_HOME", "/nonexistent").exits(1);
    let service = upstream.origin().replace("http://", "").replace(':', " ");
    assert!(observer.calls().contains(&service));
    // `doctor` asks this computer's own loopback whether the site's port is taken
    let foreign: Vec<_> = observer
        .calls()
        .into_iter()
        .filter(|call| !(call.starts_with("127.0.0.1 ") || call.starts_with("::1 ") || call.starts_with("unix ")))
        .collect();
    assert_eq!(foreign, Vec::<String>::new());
}

/// A server with a certificate that nobody but its own file vouches for.
struct Tls {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Tls {
    fn start(certificate: &str) -> Self {
        let key = certificate.replace(".pem", ".key.pem");
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_file(certificate).unwrap()],
                PrivateKeyDer::from_pem_file(key).unwrap(),
            )
            .unwrap();
        let (config, seen) = (Arc::new(config), Arc::<Mutex<Vec<String>>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, kept) = (listener.local_addr().unwrap().port(), Arc::clone(&seen));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = rustls::StreamOwned::new(connection, stream.unwrap());
                let mut bytes = [0; 4096];
                if let Ok(read) = stream.read(&mut bytes) {
                    kept.lock().unwrap().push(String::from_utf8_lossy(&bytes[..read]).into_owned());
                    stream.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").ok();
                }
            }
        });
        Self { port, seen }
    }

    fn origin(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    fn seen(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The first line that a client gets which trusts the certificate: the server is what it should be.
    fn fetch_trusting(&self, certificate: &str) -> String {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = std::net::IpAddr::V4(Ipv4Addr::LOCALHOST).into();
        let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
        let stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut stream = rustls::StreamOwned::new(connection, stream);
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut bytes = [0; 4096];
        let read = stream.read(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..read]).lines().next().unwrap().to_owned()
    }
}
