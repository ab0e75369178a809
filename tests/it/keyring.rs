//! The keyring store against a real Secret Service, in the session that `tests/with-keyring` makes.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]
#![expect(clippy::disallowed_methods, reason = "a session with a keyring is a matter of environment and processes")]

use std::process::{Command, Stdio};

use agentport::secret::{KeySource, Keyring, Secret, SecretStore, StoreError, Vault};

use serde_json::json;

use super::harness::{Port, Ran, Scene, Upstream, Wire, log_to};

/// A second process of this binary does what it names here.
const ROLE: &str = "AGENTPORT_TEST_ROLE";
/// With this secret.
const KEY: &str = "AGENTPORT_TEST_KEY";

/// A secret for the keyring, where this is the session with one. The same tests run again there, so that here nothing
/// is skipped for good.
fn session() -> Option<Scene> {
    if std::env::var("AGENTPORT_TEST_KEYRING").is_ok_and(|value| value == "1") {
        return Some(Scene::new());
    }
    println!("SKIPPED: keyring tests run in a private session (tests/run)");
    None
}

/// A home's id that no other test uses.
fn home() -> String {
    format!("test-{:?}-{}", std::thread::current().id(), std::process::id())
}

async fn text(keyring: &Keyring, name: &str) -> Option<String> {
    keyring.get(name).await.unwrap().map(|secret| secret.expose().to_owned())
}

#[tokio::test]
async fn keyring_keeps_replaces_and_forgets() {
    let Some(scene) = session() else { return };
    let keyring = Keyring::new(&home());
    let name = "account/stripe/default";
    assert_eq!(text(&keyring, name).await, None);
    keyring.delete(name).await.unwrap();
    for length in [1, 2, 100, 1_000, 2_500] {
        let secret: String = format!("ab\u{e9}\"\\c{}", scene.canary())
            .chars()
            .collect::<Vec<_>>()
            .into_iter()
            .cycle()
            .scan(0, |size, character| {
                *size += character.len_utf8();
                (*size <= length).then_some(character)
            })
            .collect();
        keyring.put(name, Secret::new(secret.clone())).await.unwrap();
        assert_eq!(text(&keyring, name).await, Some(secret));
    }
    keyring.delete(name).await.unwrap();
    assert_eq!(text(&keyring, name).await, None);
}

#[tokio::test]
async fn t188_keyring_entries_of_another_home_are_out_of_reach() {
    let Some(scene) = session() else { return };
    let (mine, other) = (Keyring::new(&home()), Keyring::new(&format!("{}-other", home())));
    mine.put("account/stripe/default", Secret::new(scene.canary().to_owned())).await.unwrap();
    assert_eq!(text(&other, "account/stripe/default").await, None);
    other.delete("account/stripe/default").await.unwrap();
    assert_eq!(text(&mine, "account/stripe/default").await, Some(scene.canary().to_owned()));
    mine.delete("account/stripe/default").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keyring_answers_many_at_once_and_probes() {
    let Some(scene) = session() else { return };
    let keyring = Keyring::new(&home());
    let requests: Vec<_> = (0..20)
        .map(|index| {
            let (keyring, secret) = (keyring.clone(), format!("{index} {}", scene.canary()));
            tokio::spawn(async move {
                let name = format!("many/{index}");
                keyring.put(&name, Secret::new(secret.clone())).await.unwrap();
                let read = text(&keyring, &name).await;
                keyring.delete(&name).await.unwrap();
                assert_eq!(read, Some(secret));
                keyring.probe().await.unwrap();
            })
        })
        .collect();
    for request in requests {
        request.await.unwrap();
    }
}

#[tokio::test]
async fn t188_keyring_that_is_not_there_says_what_to_do() {
    let Some(scene) = session() else { return };
    let output = again(&scene, &mut Command::new(std::env::current_exe().unwrap()), "no-bus");
    assert!(output.contains("unavailable: no keyring could be reached; "), "{output}");
    for word in ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "`agentport init --store vault`"] {
        assert!(output.contains(word), "{output}");
    }
}

#[tokio::test]
async fn t188_keyring_that_is_locked_says_so() {
    let Some(scene) = session() else { return };
    let session = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/with-keyring");
    let output = again(&scene, Command::new(session).arg(std::env::current_exe().unwrap()), "lock");
    assert!(output.contains("unlocked: ok"), "{output}");
    assert!(output.contains("locked: the keyring is locked; unlock it "), "{output}");
}

/// `secrets move`, there and back, while an agent's server runs.
#[test]
fn keyring_and_vault_take_over_from_each_other() {
    if session().is_none() {
        return;
    }
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    for name in ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"] {
        if let Ok(value) = std::env::var(name) {
            port.set(name, &value);
        }
    }
    port.allow("stripe.*");
    let mut wire = port.wire();
    // what changes something opens its credential each time
    let create = |wire: &mut Wire| wire.call("stripe_create_customer", json!({"name": "Ada"})).completed();
    create(&mut wire);
    for store in ["keyring", "vault"] {
        let command = ["secrets", "move", "--to", store, "--code-stdin", "--json"];
        // the lock that whoever renews a sign-in waits for
        let locks = || {
            let names = std::fs::read_dir(port.home().join("run")).unwrap().map(|entry| entry.unwrap().path());
            names.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("renew_")).collect::<Vec<_>>()
        };
        for path in locks() {
            std::fs::remove_file(path).unwrap();
        }
        let moved = port.cli(command).stdin(&port.code()).done().json();
        assert_eq!((&moved["store"], &moved["moved"]), (&json!(store), &json!(2)), "{moved}");
        assert_eq!(locks().len(), 1, "the account's");
        assert_eq!(port.cli(["accounts", "--json"]).done().json()[0]["secret"], json!("ok"));
        create(&mut wire);
        let again = port.cli(command).done().json();
        assert_eq!((&again["moved"], &again["deleted"]), (&json!(0), &json!(0)));
    }
    let moves = port.log().into_iter().filter(|line| line["status"] == "secrets moved").count();
    assert_eq!(moves, 2);
}

/// Whoever moves them, connects an account or uses one at the same time: each secret is in one store in the end, and no call
/// goes without.
#[test]
fn keyring_moves_at_once_lose_nothing() {
    if session().is_none() {
        return;
    }
    let upstream = Upstream::plain();
    let mut port = Port::connected(&upstream);
    for name in ["DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"] {
        if let Ok(value) = std::env::var(name) {
            port.set(name, &value);
        }
    }
    port.allow("stripe.*");
    let origin = upstream.origin();
    let connect = |name: &str| {
        let to = ["--account", name, "--origin", &origin, "--allow-private", "--no-verify", "--secret-stdin", "--json"];
        port.cli(["connect", "stripe"].into_iter().chain(to)).stdin(port.canary())
    };
    let mut accounts = ["default", "a", "b", "c", "d"].map(str::to_owned).to_vec();
    for name in &accounts[1..] {
        connect(name).done();
    }
    let factor = port.cli(["factor", "list", "--json"]).done().json();
    let factor = format!("factor/{}", factor["factors"][0]["id"].as_str().unwrap());
    let to = |store: &str| port.cli(["secrets", "move", "--to", store, "--code-stdin", "--json"]);
    for (round, (store, other)) in [("keyring", "vault"), ("vault", "keyring"), ("keyring", "vault")].iter().enumerate()
    {
        let (store, other) = (*store, *other);
        let meanwhile = format!("meanwhile-{round}");
        let commands = [
            to(store).stdin(&port.code()),
            to(store).stdin(&port.code()),
            // it tidies up where they are now; after the others it moves them back, for which this is no code
            to(other).stdin("000000"),
            connect(&meanwhile),
            port.cli(["call", "stripe.list_charges", "--args", r#"{"account":"default"}"#, "--json"]),
        ];
        let [first, second, tidy, connected, called] = std::thread::scope(|scope| {
            commands.map(|command| scope.spawn(|| command.run())).map(|thread| thread.join().unwrap())
        });
        accounts.push(meanwhile);
        assert_eq!(
            (first.code, second.code, connected.code, called.code),
            (0, 0, 0, 0),
            "{first:?} {second:?} {connected:?} {called:?}"
        );
        let moved = [&first, &second].map(|ran| ran.json()["moved"].as_u64().unwrap());
        assert!(moved.contains(&0) && moved.iter().any(|moved| *moved > 5), "{moved:?}");
        assert!(tidy.code == 0 || tidy.stdout.contains("code") || tidy.stdout.contains("meanwhile"), "{tidy:?}");
        // what is told of each is what is in the store that the settings name
        let told = port.cli(["accounts", "--json"]).done().json();
        let ok = told.as_array().unwrap().iter().filter(|account| account["secret"] == "ok").count();
        assert_eq!(ok, accounts.len(), "{store}: {told}");
        let names = accounts.iter().map(|name| format!("account/stripe/{name}")).chain([factor.clone()]);
        let names: Vec<_> = names.collect();
        assert_eq!(kept(&port, other, &names), Vec::<String>::new(), "{store} and {other}");
        assert_eq!(kept(&port, store, &names), names, "{store}");
    }
    let moves = port.log().into_iter().filter(|line| line["status"] == "secrets moved").count();
    assert_eq!(moves, 3);
}

/// Which of these are in this store.
fn kept(port: &Port, store: &str, names: &[String]) -> Vec<String> {
    let store: Box<dyn SecretStore> = if store == "keyring" {
        let ledger = rusqlite::Connection::open(port.home().join("agentport.db")).unwrap();
        let id: String =
            ledger.query_row("SELECT value FROM meta WHERE key = 'home_id'", [], |row| row.get(0)).unwrap();
        Box::new(Keyring::new(&id))
    } else {
        Box::new(Vault::new(port.home().join("vault.age"), KeySource::File(port.folder().join("key"))))
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let there = |name: &&String| runtime.block_on(store.get(name)).unwrap().is_some();
    names.iter().filter(there).cloned().collect()
}

/// Runs [`keyring_role`] in a process of its own and gives back what it printed.
fn again(scene: &Scene, command: &mut Command, role: &str) -> String {
    let command = command.args(["--exact", "keyring::keyring_role", "--nocapture"]);
    command.env(ROLE, role).env(KEY, scene.canary());
    if role == "no-bus" {
        command.env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus");
    }
    let ran = Ran::of(command.output().unwrap(), scene.evidence());
    assert_eq!(ran.code, 0, "{ran:?}");
    ran.stdout
}

/// Does nothing but in the processes of [`again`].
#[tokio::test]
async fn keyring_role() {
    let [Ok(role), Ok(key)] = [ROLE, KEY].map(std::env::var) else { return };
    log_to(std::io::stderr);
    let keyring = Keyring::new(&home());
    if role == "lock" {
        keyring.put("name", Secret::new(key)).await.unwrap();
        println!("unlocked: ok");
        let locked = Command::new("dbus-send")
            .args(["--session", "--print-reply", "--dest=org.freedesktop.secrets", "/org/freedesktop/secrets"])
            .args(["org.freedesktop.Secret.Service.Lock", "array:objpath:/org/freedesktop/secrets/collection/login"])
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(locked.success());
    }
    match keyring.get("name").await {
        Ok(_) => println!("answered"),
        Err(StoreError::Unavailable(message)) => println!("unavailable: {message}"),
        Err(StoreError::Locked(message)) => println!("locked: {message}"),
        Err(other) => println!("other: {other}"),
    }
}
