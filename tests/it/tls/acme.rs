//! A certificate by ACME, from Let's Encrypt's own server for tests, which comes to look at our port.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use super::{ask, lines};
use crate::harness::{Pebble, Port, Shown, Signer, Upstream, Valid, free_port};

/// A home whose gateway is to have a certificate for `localhost` from this authority, at this port.
fn ordering(port: &Port, pebble: &Pebble, signer: &Signer, free: u16) {
    let (listen, public_url) = lines(port);
    let file = signer.write(&port.folder().join("authority.pem"));
    let directory = pebble.directory();
    port.settings(&[
        (&listen, &format!("listen = \"127.0.0.1:{free}\"")),
        (&public_url, &format!("public_url = \"https://localhost:{free}\"")),
        (
            "[site]\n",
            &format!(
                "[trust]\n\"127.0.0.1\" = \"{}\"\n\n[site]\n\
                 tls = {{ acme = {{ directory = \"{directory}\", contact = \"ops@example.com\" }} }}\n",
                file.display()
            ),
        ),
    ]);
}

/// The file with the certificate and its key.
fn kept(port: &Port) -> PathBuf {
    port.home().join("tls/localhost.pem")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A certificate as if it had been ordered.
fn plant(port: &Port, shown: &Shown) {
    fs::write(kept(port), format!("{}{}", shown.key, shown.certificate)).unwrap();
    fs::set_permissions(kept(port), Permissions::from_mode(0o600)).unwrap();
}

/// What `doctor` says of it: status and text.
fn diagnosis(port: &Port) -> Vec<(String, String)> {
    let found = port.cli(["doctor", "--json"]).run().json();
    let all = found["findings"].as_array().unwrap().iter().filter(|one| one["check"] == "certificate");
    let text = |one: &serde_json::Value, key: &str| one[key].as_str().unwrap().to_owned();
    all.map(|one| (text(one, "status"), text(one, "finding"))).collect()
}

#[test]
fn t158_a_certificate_is_ordered_kept_and_renewed() {
    let (signer, free) = (Signer::new("internal"), free_port());
    let port = Port::connected(&Upstream::plain());
    let test = "t158_a_certificate_is_ordered_kept_and_renewed";
    let Some(pebble) = Pebble::start(test, port.folder(), &signer, free) else { return };
    let token = port.let_in(&["claude"]);
    ordering(&port, &pebble, &signer, free);
    let root = port.folder().join("root.pem");
    fs::write(&root, pebble.root(&signer)).unwrap();

    let served = port.serve();
    served.says("there is a new certificate for `localhost`");
    assert_eq!(pebble.orders(), 1);
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let called = ask(free, &root, "POST /stripe/get_balance", &bearer).unwrap();
    assert!(called.starts_with("HTTP/1.1 200"), "{called}");
    let account = port.home().join("tls/account.json");
    assert_eq!((mode(&kept(&port)), mode(&account), mode(&port.home().join("tls"))), (0o600, 0o600, 0o700));
    assert_eq!(diagnosis(&port)[0].0, "ok");
    drop(served);

    // the next start has it already, and asks nobody
    let first = fs::read(kept(&port)).unwrap();
    let served = port.serve();
    assert!(ask(free, &root, "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
    drop(served);
    assert_eq!((fs::read(kept(&port)).unwrap(), pebble.orders()), (first, 0));

    // one whose time is over is ordered again, by the account that there is
    plant(&port, &signer.sign("localhost", Valid::Before));
    let known = fs::read(&account).unwrap();
    let served = port.serve();
    served.says("there is a new certificate for `localhost`");
    assert!(ask(free, &root, "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!((pebble.orders(), fs::read(&account).unwrap()), (1, known));
    drop(served);
}

/// The authority looks where nobody is: it signs nothing, and what there was is shown as before.
#[test]
fn t158_a_refused_order_leaves_the_certificate_that_there_is() {
    let (signer, free) = (Signer::new("internal"), free_port());
    let port = Port::connected(&Upstream::plain());
    let test = "t158_a_refused_order_leaves_the_certificate_that_there_is";
    let Some(pebble) = Pebble::start(test, port.folder(), &signer, free_port()) else { return };
    let token = port.let_in(&["claude"]);
    ordering(&port, &pebble, &signer, free);
    fs::create_dir(port.home().join("tls")).unwrap();
    fs::set_permissions(port.home().join("tls"), Permissions::from_mode(0o700)).unwrap();
    plant(&port, &signer.sign("localhost", Valid::Now));
    let planted = fs::read(kept(&port)).unwrap();

    let served = port.serve();
    let said = served.says("there is no new certificate for `localhost`, what there is stays: ");
    assert!(said.contains("the authority"), "{said}");
    let bearer = format!("Authorization: Bearer {token}\r\n");
    let authority = port.folder().join("authority.pem");
    let called = ask(free, &authority, "POST /stripe/get_balance", &bearer).unwrap();
    assert!(called.starts_with("HTTP/1.1 200"), "{called}");
    assert_eq!(fs::read(kept(&port)).unwrap(), planted);
    let found = diagnosis(&port);
    assert!(found.iter().any(|(status, text)| status == "bad" && text.contains("the last order failed")), "{found:?}");
    drop(served);

    // who restarts it asks no more often for that
    assert_eq!(pebble.orders(), 1);
    let served = port.serve();
    assert!(ask(free, &authority, "GET /healthz", "").unwrap().starts_with("HTTP/1.1 200"));
    drop(served);
    assert_eq!(pebble.orders(), 0);
}
