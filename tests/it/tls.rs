//! The gateway's own TLS: a certificate from files, read again when they change, and nothing without it.

mod acme;

use std::{
    fs::{self, Permissions},
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::Path,
    sync::Arc,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::json;

use crate::harness::{Cli, Port, Served, Upstream, free_port, skip};

/// A certificate for `localhost` and its key, which are nobody's; as openssl writes them.
fn certify(port: &Port, name: &str) -> bool {
    let line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
                -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE -keyout \"$1.key\" -out \"$1.pem\"";
    let mut command = port.shell(line);
    command.arg(port.folder().join(name));
    let made = Cli::new(command, port.evidence().clone()).run().code == 0;
    if made {
        fs::set_permissions(port.folder().join(format!("{name}.key")), Permissions::from_mode(0o600)).unwrap();
    }
    made
}

/// `listen` and `public_url` as the settings have them.
fn lines(port: &Port) -> (String, String) {
    let text = fs::read_to_string(port.home().join("agentport.toml")).unwrap();
    let line = |key: &str| text.lines().find(|line| line.starts_with(key)).unwrap().split('#').next().unwrap().trim();
    (line("listen").to_owned(), line("public_url").to_owned())
}

/// The settings of a gateway with TLS on every address; its port.
fn with_tls(port: &Port) -> u16 {
    let (listen, public_url) = lines(port);
    let (free, folder) = (free_port(), port.folder().display());
    port.settings(&[
        (&listen, &format!("listen = \"0.0.0.0:{free}\"")),
        (&public_url, &format!("public_url = \"https://localhost:{free}\"")),
        ("[site]\n", &format!("[site]\ntls = {{ cert = \"{folder}/one.pem\", key = \"{folder}/one.key\" }}\n")),
    ]);
    free
}

/// One request by a client that knows this certificate and no other.
fn ask(port: u16, root: &Path, line: &str, headers: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&fs::read(root)?).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    let connection = ClientConnection::new(config, ServerName::try_from("localhost").unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(("127.0.0.1", port))?);
    let request =
        format!("{line} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn t158_the_gateway_has_a_certificate_and_takes_a_new_one() {
    let port = Port::connected(&Upstream::plain());
    if !certify(&port, "one") {
        return skip("the gateway's TLS: needs openssl");
    }
    let token = port.let_in(&["claude"]);
    let (free, root) = (with_tls(&port), port.folder().join("one.pem"));
    let mut served: Served = port.serve();
    assert_eq!(served.port, free);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let called = ask(free, &root, "POST /stripe/get_balance", &bearer).unwrap();
    assert!(called.starts_with("HTTP/1.1 200"), "{called}");
    let page = ask(free, &root, "GET /login", "").unwrap();
    assert!(page.contains("strict-transport-security: max-age=31536000\r\n"), "{page}");
    // without TLS nobody is answered
    let mut plain = TcpStream::connect(("127.0.0.1", free)).unwrap();
    plain.write_all(format!("GET /login HTTP/1.1\r\nHost: localhost:{free}\r\n\r\n").as_bytes()).unwrap();
    let mut heard = Vec::new();
    plain.read_to_end(&mut heard).ok();
    assert!(!heard.starts_with(b"HTTP"), "{heard:?}");

    // half a change is none; a whole one is taken, and another process of the home was not needed for it
    certify(&port, "two");
    let two = port.folder().join("two.pem");
    fs::copy(&two, &root).unwrap();
    served.says("the one before stays");
    fs::copy(port.folder().join("two.key"), port.folder().join("one.key")).unwrap();
    served.says("the certificate was read again");
    assert!(ask(free, &two, "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(served.terminate(), Some(0));
}

/// The shim trusts the compiled-in roots and nothing else: a call goes nowhere.
#[test]
fn t158_the_shim_asks_nobody_whom_no_authority_knows() {
    let mut port = Port::connected(&Upstream::plain());
    if !certify(&port, "one") {
        return skip("the shim and a certificate by nobody: needs openssl");
    }
    let token = port.let_in(&["claude"]);
    let free = with_tls(&port);
    let served = port.serve();
    port.set("AGENTPORT_URL", &format!("https://localhost:{free}"));
    port.set("AGENTPORT_TOKEN", &token);
    let mut shim = port.wire();
    assert_eq!(shim.call("stripe_get_balance", json!({})).failed(), "network");
    drop(served);
    assert!(port.calls().iter().all(|(tool, _)| tool != "stripe.get_balance"));
}

/// T158: a key that others can read, one of another certificate, none at all.
#[test]
fn t158_a_bad_key_is_no_gateway() {
    let port = Port::enrolled();
    if !certify(&port, "one") || !certify(&port, "two") {
        return skip("bad keys for the gateway's TLS: needs openssl");
    }
    with_tls(&port);
    let key = port.folder().join("one.key");
    let refused = || port.cli(["serve", "--json"]).exits(1).error();
    for mode in [0o644, 0o640, 0o604, 0o620] {
        fs::set_permissions(&key, Permissions::from_mode(mode)).unwrap();
        assert!(refused().contains("can be read by others"), "{mode:o}: {}", refused());
    }
    fs::copy(port.folder().join("two.key"), &key).unwrap();
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    assert!(refused().contains("do not belong together"), "{}", refused());
    fs::remove_file(&key).unwrap();
    assert!(refused().contains("is not there"), "{}", refused());
}

/// T158: as certbot keeps them: links, of which a renewal makes new ones. What a link leads to is judged as a file is.
#[test]
fn t158_links_of_a_renewal_are_followed() {
    let port = Port::enrolled();
    if !certify(&port, "one") || !certify(&port, "two") {
        return skip("links to the gateway's certificate: needs openssl");
    }
    let (free, folder) = (with_tls(&port), port.folder().to_owned());
    let archive = folder.join("archive");
    fs::create_dir(&archive).unwrap();
    for (name, number) in [("one", 1), ("two", 2)] {
        fs::rename(folder.join(format!("{name}.pem")), archive.join(format!("fullchain{number}.pem"))).unwrap();
        fs::rename(folder.join(format!("{name}.key")), archive.join(format!("privkey{number}.pem"))).unwrap();
    }
    let link = |name: &str, target: &str| {
        fs::remove_file(folder.join(name)).ok();
        symlink(format!("archive/{target}"), folder.join(name)).unwrap();
    };
    link("one.pem", "fullchain1.pem");
    link("one.key", "privkey1.pem");
    let refused = || port.cli(["serve", "--json"]).exits(1).error();
    fs::set_permissions(archive.join("privkey1.pem"), Permissions::from_mode(0o640)).unwrap();
    assert!(refused().contains("can be read by others"), "{}", refused());
    fs::set_permissions(archive.join("privkey1.pem"), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(&archive, Permissions::from_mode(0o777)).unwrap();
    assert!(refused().contains("can be written by others"), "{}", refused());
    fs::set_permissions(&archive, Permissions::from_mode(0o755)).unwrap();
    let served = port.serve();
    let root = |number: u8| archive.join(format!("fullchain{number}.pem"));
    assert!(ask(free, &root(1), "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
    link("one.pem", "fullchain2.pem");
    served.says("the one before stays");
    assert!(ask(free, &root(1), "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
    link("one.key", "privkey2.pem");
    served.says("the certificate was read again");
    assert!(ask(free, &root(2), "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
    link("one.key", "one.key");
    served.says("the one before stays");
    assert!(ask(free, &root(2), "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
}
