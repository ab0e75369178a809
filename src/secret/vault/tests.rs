use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::evidence::Scene;

struct Place {
    home: Scene,
    vault: Vault,
}

fn place() -> Place {
    let home = Scene::new();
    let key = home.path().join("key");
    assert!(Vault::create_key(&key).unwrap());
    // how the keys begin that the tests put into it, and its own
    home.evidence().keep_from("rk_test_");
    home.evidence().keep_from("AGE-SECRET-KEY-");
    home.evidence().planted(&key);
    let vault = Vault::new(home.path().join("vault.age"), KeySource::File(key));
    Place { home, vault }
}

async fn text(vault: &Vault, name: &str) -> Result<Option<String>, StoreError> {
    Ok(vault.get(name).await?.map(|secret| secret.expose().to_owned()))
}

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn a_vault_keeps_replaces_and_forgets() {
    let Place { home, vault } = place();
    assert_eq!(text(&vault, "account/stripe/default").await, Ok(None));
    vault.delete("account/stripe/default").await.unwrap();
    assert!(!home.path().join("vault.age").exists(), "nothing to forget, nothing to write");

    vault.put("account/stripe/default", secret("rk_test_\"1\"\n")).await.unwrap();
    vault.put("factor/totp", secret("")).await.unwrap();
    vault.put("account/stripe/default", secret("rk_test_2")).await.unwrap();
    assert_eq!(text(&vault, "account/stripe/default").await, Ok(Some("rk_test_2".to_owned())));
    assert_eq!(text(&vault, "factor/totp").await, Ok(Some(String::new())));
    let bytes = std::fs::read(home.path().join("vault.age")).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n-> X25519 "));

    vault.delete("account/stripe/default").await.unwrap();
    assert_eq!(text(&vault, "account/stripe/default").await, Ok(None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_writers_lose_nothing() {
    let Place { home: _home, vault } = place();
    let writer = |who: &'static str| {
        let vault = vault.clone();
        tokio::spawn(async move {
            for index in 0..20 {
                vault.put(&format!("{who}/{index}"), secret(who)).await.unwrap();
            }
        })
    };
    let (one, two) = (writer("rk_test_1"), writer("rk_test_2"));
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(vault.read().unwrap().0.len(), 40);
}

#[tokio::test]
async fn t255_a_key_that_others_can_read_is_refused() {
    let Place { home, vault } = place();
    vault.put("a", secret("rk_test_b")).await.unwrap();
    let key = home.path().join("key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o640)).unwrap();
    let fix = format!("run `chmod 600 {}`", key.display());
    for error in [text(&vault, "a").await.unwrap_err(), Vault::create_key(&key).unwrap_err()] {
        assert!(error.to_string().ends_with(&fix), "{error}");
    }
    let handed = Vault { key: KeySource::SystemdCredential(key), ..vault };
    assert_eq!(text(&handed, "a").await, Ok(Some("rk_test_b".to_owned())));
}

#[tokio::test]
async fn a_key_is_made_once_and_read_as_age_keygen_writes_it() {
    let Place { home, vault } = place();
    let key = home.path().join("key");
    let made = std::fs::read_to_string(&key).unwrap();
    assert!(!Vault::create_key(&key).unwrap());
    assert_eq!(std::fs::read_to_string(&key).unwrap(), made);

    std::fs::write(&key, "# not a key\n").unwrap();
    assert!(matches!(Vault::create_key(&key), Err(StoreError::Broken(_))));
    vault.put("a", secret("rk_test_b")).await.unwrap_err();
    assert!(!home.path().join("vault.age").exists());
}

#[tokio::test]
async fn a_vault_of_another_key_or_a_damaged_one_is_refused_and_left() {
    let Place { home, vault } = place();
    vault.put("a", secret("rk_test_b")).await.unwrap();
    let path = home.path().join("vault.age");
    let whole = std::fs::read(&path).unwrap();

    let other = home.path().join("other");
    home.evidence().planted(&other);
    Vault::create_key(&other).unwrap();
    let stranger = Vault { key: KeySource::File(other), ..vault.clone() };
    let error = stranger.put("a", secret("rk_test_c")).await.unwrap_err();
    assert!(error.to_string().contains("is locked with another key than"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), whole);

    let missing = Vault { key: KeySource::File(home.path().join("none")), ..vault.clone() };
    assert!(text(&missing, "a").await.unwrap_err().to_string().contains("AGENTPORT_KEY_FILE"));

    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [b"".to_vec(), b"age-encryption.org/v1\n".to_vec(), whole[..whole.len() - 5].to_vec(), flipped] {
        std::fs::write(&path, &damaged).unwrap();
        let errors = [
            text(&vault, "a").await.unwrap_err(),
            vault.put("a", secret("rk_test_c")).await.unwrap_err(),
            vault.delete("a").await.unwrap_err(),
        ];
        for error in errors {
            assert!(error.to_string().contains("is damaged"), "{error}");
        }
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
    }
}

#[tokio::test]
async fn t256_a_vault_behind_a_link_is_refused() {
    let Place { home, vault } = place();
    vault.put("a", secret("rk_test_b")).await.unwrap();
    let link = home.path().join("link.age");
    std::os::unix::fs::symlink(home.path().join("vault.age"), &link).unwrap();
    let linked = Vault { path: link, ..vault };
    assert!(text(&linked, "a").await.unwrap_err().to_string().contains("is a link"));
    assert!(linked.put("a", secret("rk_test_c")).await.unwrap_err().to_string().contains("is a link"));
}
