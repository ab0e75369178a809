use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;

fn keyring(open: fn() -> Result<Store, StoreError>) -> Keyring {
    Keyring { open, ..Keyring::new("home") }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

async fn text(keyring: &Keyring) -> Option<String> {
    keyring.get("name").await.unwrap().map(|secret| secret.expose().to_owned())
}

#[tokio::test]
async fn a_store_that_failed_to_open_is_tried_again() {
    static TRIES: AtomicUsize = AtomicUsize::new(0);
    let keyring = keyring(|| match TRIES.fetch_add(1, Ordering::SeqCst) {
        0 => Err(StoreError::Unavailable("not yet".to_owned())),
        1 => panic!("as a library may"),
        _ => Ok(keyring_core::mock::Store::new().unwrap()),
    });
    assert_eq!(TRIES.load(Ordering::SeqCst), 0, "nothing is opened before the first use");
    assert_eq!(keyring.put("name", secret("1")).await, Err(StoreError::Unavailable("not yet".to_owned())));
    let failed = keyring.put("name", secret("1")).await.unwrap_err();
    assert_eq!(failed.to_string(), "the keyring's library failed; try again");
    keyring.put("name", secret("1")).await.unwrap();
    assert_eq!(text(&keyring).await.as_deref(), Some("1"));
    assert_eq!(TRIES.load(Ordering::SeqCst), 3, "and then stays open");
    keyring.delete("name").await.unwrap();
    keyring.delete("name").await.unwrap();
    assert_eq!(text(&keyring).await, None);
    keyring.probe().await.unwrap();
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_not_done() {
    static UNLOCKED: AtomicBool = AtomicBool::new(false);
    let behind_a_dialog = keyring(|| {
        while !UNLOCKED.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(keyring_core::mock::Store::new().unwrap())
    });
    let keyring = Keyring { patience: Duration::from_millis(30), ..behind_a_dialog };
    assert_eq!(keyring.delete("other").await, Err(StoreError::Timeout));
    assert_eq!(keyring.put("name", secret("late")).await, Err(StoreError::Timeout));
    UNLOCKED.store(true, Ordering::SeqCst);
    let patient = Keyring { patience: PATIENCE, ..keyring };
    assert_eq!(text(&patient).await, None);
}

#[test]
fn errors_say_what_to_do_and_show_no_secret() {
    let cause = || Box::<dyn std::error::Error + Send + Sync>::from("no bus");
    let errors = [
        (
            keyring_core::Error::PlatformFailure(cause()),
            "`agentport init --store vault`, which needs no keyring (no bus)",
        ),
        (keyring_core::Error::NoStorageAccess(cause()), "the keyring is locked; unlock it"),
        (keyring_core::Error::TooLong("password".to_owned(), 2560), "takes at most 2560 bytes"),
        (keyring_core::Error::BadEncoding(b"s3cret".to_vec()), "connect the account again"),
        (keyring_core::Error::BadDataFormat(b"s3cret".to_vec(), cause()), "connect the account again"),
        (keyring_core::Error::Ambiguous(Vec::new()), "delete them in the keyring's own program"),
    ];
    for (error, expected) in errors {
        let text = store::explain(error).to_string();
        assert!(text.contains(expected) && !text.contains("s3cret"), "{text}");
    }
}
