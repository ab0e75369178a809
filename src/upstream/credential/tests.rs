use std::collections::BTreeMap;

use super::*;
use crate::{
    account::{Environment, Identity},
    catalog::{AnswerKind, Effect, HttpRequest, Method},
    doubles::Memory,
    secret::StoreError,
};

const SECRET: &str = "rk_test_4eC39HqLyjWDarjtT1zdp7dc";

/// An account at `origin`, and a plan of it.
pub(in super::super) fn account(origin: &str) -> Account {
    Account {
        integration: "stripe".to_owned(),
        name: "default".to_owned(),
        id: "acc_1".to_owned(),
        origin: Origin::parse(origin, true).unwrap(),
        environment: Environment::Test,
        identity: Identity::default(),
        settings: BTreeMap::new(),
        connected_at: 0,
    }
}

fn plan(account: &Account) -> Plan {
    let request = HttpRequest::bare(Method::Get, "/v1/balance", AnswerKind::Plain);
    Plan::of_request(account, Effect::Read, request)
}

fn sealed(account: &Account, scheme: &CredentialScheme) -> Secret {
    seal(account, scheme, &Secret::new(SECRET.to_owned())).unwrap()
}

#[tokio::test]
async fn a_credential_is_what_was_sealed() {
    let account = account("https://api.example.com");
    let store = Arc::new(Memory::default());
    let credentials = Credentials::new(Arc::clone(&store) as Arc<dyn SecretStore>);
    let missing = credentials.open(&plan(&account), &account).await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "the secret store has nothing for `stripe` account `default`; run `agentport connect stripe --account default`"
    );

    store.put("account/stripe/default", sealed(&account, &CredentialScheme::Bearer)).await.unwrap();
    let credential = credentials.open(&plan(&account), &account).await.unwrap();
    let (name, value) = credential.header().unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("authorization", format!("Bearer {SECRET}").as_str()));
    assert_eq!(format!("{value:?}{credential:?}").find("rk_test"), None);

    let scheme = CredentialScheme::Header { name: "x-api-key".to_owned(), prefix: "Key ".to_owned() };
    let credential = Credentials::from_sealed(&sealed(&account, &scheme), &plan(&account)).unwrap();
    let (name, value) = credential.header().unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-api-key", format!("Key {SECRET}").as_str()));
}

#[tokio::test]
async fn t192_what_is_kept_for_reads_goes_with_the_accounts_entry() {
    let account = account("https://api.example.com");
    let store = Arc::new(Memory::default());
    let credentials = Credentials::new(Arc::clone(&store) as Arc<dyn SecretStore>);
    let put = async |secret: &str| {
        let sealed = seal(&account, &CredentialScheme::Bearer, &Secret::new(secret.to_owned())).unwrap();
        store.put("account/stripe/default", sealed).await.unwrap();
    };
    let header = |credential: Credential| credential.header().unwrap().1.to_str().unwrap().to_owned();
    put("first_secret").await;
    let opened = credentials.open_for_read(&plan(&account), &account).await.unwrap();
    assert_eq!(header(opened), "Bearer first_secret");

    put("second_secret").await;
    let kept = credentials.open_for_read(&plan(&account), &account).await.unwrap();
    assert_eq!(header(kept), "Bearer first_secret");
    assert_eq!(header(credentials.open(&plan(&account), &account).await.unwrap()), "Bearer second_secret");

    let again = Account { connected_at: 1, ..account.clone() };
    let fresh = credentials.open_for_read(&plan(&account), &again).await.unwrap();
    assert_eq!(header(fresh), "Bearer second_secret");
}

/// A store that takes its time, and counts.
#[derive(Debug, Default)]
struct Slow {
    held: Memory,
    asked: std::sync::atomic::AtomicUsize,
}

#[async_trait::async_trait]
impl SecretStore for Slow {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        self.asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.held.get(name).await
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        self.held.put(name, secret).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.held.delete(name).await
    }
}

#[tokio::test]
async fn reads_that_come_at_once_open_the_secret_once() {
    let account = account("https://api.example.com");
    let store = Arc::new(Slow::default());
    store.put("account/stripe/default", sealed(&account, &CredentialScheme::Bearer)).await.unwrap();
    let credentials = Credentials::new(Arc::clone(&store) as Arc<dyn SecretStore>);
    let mut reads = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (credentials, account) = (credentials.clone(), account.clone());
        reads.spawn(async move { credentials.open_for_read(&plan(&account), &account).await.is_ok() });
    }
    assert_eq!(reads.join_all().await, [true; 20]);
    assert_eq!(store.asked.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn t196_t201_a_credential_of_another_account_or_origin_is_refused() {
    let mine = account("https://api.example.com");
    let sealed = sealed(&mine, &CredentialScheme::Bearer);
    assert!(Credentials::from_sealed(&sealed, &plan(&mine)).is_ok());
    let others = [
        Account { integration: "github".to_owned(), ..mine.clone() },
        Account { name: "prod".to_owned(), ..mine.clone() },
        Account { id: "acc_2".to_owned(), ..mine.clone() },
        Account { origin: Origin::parse("https://api.example.org", true).unwrap(), ..mine.clone() },
        Account { origin: Origin::parse("https://api.example.com:8443", true).unwrap(), ..mine.clone() },
        Account { origin: Origin::parse("https://api.example.com", false).unwrap(), ..mine.clone() },
    ];
    for other in others {
        let error = Credentials::from_sealed(&sealed, &plan(&other)).unwrap_err();
        assert!(matches!(error, CredentialError::Mismatch { .. }), "{other:?}");
        assert!(error.to_string().contains("was stored for `https://api.example.com`"));
    }
}

#[test]
fn what_no_header_can_carry_is_refused_without_quoting_it() {
    let account = account("https://api.example.com");
    for (secret, expected) in [
        ("", "the secret is empty"),
        (
            "abc\ndef",
            "the secret has a space, a line break or another character at position 4 that no key has; copy it again",
        ),
        (
            "schlüssel",
            "the secret has a space, a line break or another character at position 5 that no key has; copy it again",
        ),
        (
            "abc def\u{0}",
            "the secret has a space, a line break or another character at position 4 that no key has; copy it again",
        ),
    ] {
        let error = seal(&account, &CredentialScheme::Bearer, &Secret::new(secret.to_owned())).unwrap_err();
        assert_eq!(error, CredentialError::Malformed(expected.to_owned()));
    }
    let scheme = CredentialScheme::Header { name: "x key".to_owned(), prefix: String::new() };
    assert!(seal(&account, &scheme, &Secret::new("abc".to_owned())).is_err());
}

#[test]
fn what_seal_did_not_write_is_refused() {
    let account = account("https://api.example.com");
    let sealed = sealed(&account, &CredentialScheme::Bearer);
    let text = sealed.expose();
    for altered in [
        SECRET.to_owned(),
        text.replace("\"v\":1", "\"v\":2"),
        text.replace("\"v\":1", "\"v\":1,\"more\":1"),
        text.replace("rk_test", "rk\\ntest"),
    ] {
        let error = Credentials::from_sealed(&Secret::new(altered), &plan(&account)).unwrap_err();
        assert!(matches!(error, CredentialError::Malformed(_)));
        assert!(!error.to_string().contains("4eC39"));
    }
}

#[test]
fn an_agent_reads_no_command_and_no_path() {
    let errors = [
        CredentialError::Missing { integration: "stripe".to_owned(), account: "default".to_owned() },
        CredentialError::Mismatch { integration: String::new(), account: String::new(), stored: String::new() },
        CredentialError::Store(StoreError::Locked("run `this` on /path".to_owned())),
        CredentialError::Malformed(String::new()),
    ];
    for error in errors {
        let message = error.agent_message();
        assert!(message.ends_with("nothing was sent"));
        assert!(!message.contains(['`', '/']) && !message.contains("agentport"), "{message}");
    }
}
