//! Secrets in the keyring of the operating system: Secret Service, Keychain or Credential Manager.
//!
//! The stores' libraries block, for as long as an unlock dialog is open, and one of them must not be used by two
//! threads at once. So one thread of its own talks to the keyring. It begins with the first request, never holds the
//! end of the process, and a request that nobody waits for any more is not carried out.

mod store;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use self::store::Store;
use super::{Secret, SecretStore, StoreError};

const PATIENCE: Duration = Duration::from_secs(10);

/// The secret store in the operating system's keyring. Clones share one thread.
#[derive(Debug, Clone)]
pub struct Keyring {
    service: String,
    open: fn() -> Result<Store, StoreError>,
    patience: Duration,
    worker: Arc<Mutex<Option<mpsc::Sender<Request>>>>,
}

#[derive(Debug)]
struct Request {
    service: String,
    name: String,
    work: Work,
    reply: oneshot::Sender<Result<Option<Zeroizing<Vec<u8>>>, StoreError>>,
}

#[derive(Debug)]
enum Work {
    Get,
    Put(Secret),
    Delete,
}

impl Keyring {
    /// The keyring's entries of the home with this id. Nothing is opened before the first use.
    pub fn new(home_id: &str) -> Self {
        Self { service: format!("agentport:{home_id}"), open: store::open, patience: PATIENCE, worker: Arc::default() }
    }

    /// Writes, reads and deletes an entry: would a secret that is stored now be found again?
    ///
    /// # Errors
    /// What is wrong with the keyring, and what to do.
    pub async fn probe(&self) -> Result<(), StoreError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random)
            .map_err(|error| StoreError::Broken(format!("the operating system has no random numbers: {error}")))?;
        let written = crate::canonical::hex(&random);
        // a name of its own: two processes may probe at once
        let name = format!("probe/{written}");
        self.put(&name, Secret::new(written.clone())).await?;
        let read = self.get(&name).await?;
        self.delete(&name).await?;
        if read.is_some_and(|read| read.expose() == written) {
            return Ok(());
        }
        Err(StoreError::Broken(
            "the keyring does not give back what is stored in it; `agentport init --store vault` needs no keyring"
                .to_owned(),
        ))
    }

    async fn ask(&self, name: &str, work: Work) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.hand_over(Request { service: self.service.clone(), name: name.to_owned(), work, reply })?;
        match tokio::time::timeout(self.patience, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => {
                Err(StoreError::Broken("the keyring's own thread ended; start this program again".to_owned()))
            }
            Err(_) => Err(StoreError::Timeout),
        }
    }

    /// Gives the request to the thread, and begins one where there is none.
    fn hand_over(&self, request: Request) -> Result<(), StoreError> {
        let no_thread = |error: &dyn std::fmt::Display| {
            StoreError::Unavailable(format!("the keyring's own thread is not there: {error}; start this program again"))
        };
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = if let Some(sender) = worker.take() {
            sender
        } else {
            let (sender, requests) = mpsc::channel();
            let open = self.open;
            let started = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || serve(&requests, open));
            started.map_err(|error| no_thread(&error))?;
            sender
        };
        worker.insert(sender).send(request).map_err(|error| no_thread(&error))
    }
}

#[async_trait]
impl SecretStore for Keyring {
    async fn get(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let Some(mut bytes) = self.ask(name, Work::Get).await? else { return Ok(None) };
        match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(text) => Ok(Some(Secret::new(text))),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(StoreError::Broken(format!("the keyring's entry `{name}` is not text; was it written by hand?")))
            }
        }
    }

    async fn put(&self, name: &str, secret: Secret) -> Result<(), StoreError> {
        self.ask(name, Work::Put(secret)).await.map(drop)
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.ask(name, Work::Delete).await.map(drop)
    }
}

/// The thread: ends when the last [`Keyring`] that sends to it is gone.
fn serve(requests: &mpsc::Receiver<Request>, open: fn() -> Result<Store, StoreError>) {
    let mut store = None;
    for request in requests {
        if request.reply.is_closed() {
            continue;
        }
        // a library that panics must not leave every later request without an answer
        let answer = catch_unwind(AssertUnwindSafe(|| carry_out(&mut store, open, &request)))
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the keyring's library failed; try again".to_owned())));
        if matches!(answer, Err(StoreError::Unavailable(_))) {
            store = None; // the connection may be what is broken: the next request makes a new one
        }
        drop(request.reply.send(answer));
    }
}

fn carry_out(
    store: &mut Option<Store>,
    open: fn() -> Result<Store, StoreError>,
    request: &Request,
) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
    let opened = match store.take() {
        Some(opened) => opened,
        None => open()?,
    };
    let entry = store.insert(opened).build(&request.service, &request.name, None);
    let entry = entry.map_err(store::explain)?;
    let result = match &request.work {
        Work::Get => entry.get_secret().map(|bytes| Some(Zeroizing::new(bytes))),
        Work::Put(secret) => entry.set_secret(secret.expose().as_bytes()).map(|()| None),
        Work::Delete => entry.delete_credential().map(|()| None),
    };
    match result {
        Err(keyring_core::Error::NoEntry) => Ok(None),
        other => other.map_err(store::explain),
    }
}

#[cfg(test)]
mod tests;
