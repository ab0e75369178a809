//! Secrets on their way from one user's store into another's, through a pipe between two processes of this program.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Secret, SecretStore, StoreError};

/// More than any secret with what is sealed beside it.
const LONGEST: u64 = 4 * 1024 * 1024;

#[derive(Serialize)]
struct LineRef<'a> {
    name: &'a str,
    secret: &'a str,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    name: String,
    secret: String,
}

/// Writes the secrets of these names, each on a line, and an empty line in the end. What is not in the store is left out.
///
/// # Errors
/// The store does not answer, or nobody reads.
pub async fn give(store: &dyn SecretStore, names: &[String], to: &mut (dyn Write + Send)) -> Result<u32, StoreError> {
    let broken =
        |error: &dyn std::fmt::Display| StoreError::Broken(format!("the secrets cannot be handed over: {error}"));
    let mut given = 0;
    for name in names {
        let Some(secret) = store.get(name).await? else { continue };
        // room for every character escaped: a buffer that grows leaves copies behind
        let mut bytes = Zeroizing::new(Vec::with_capacity(6 * (name.len() + secret.expose().len()) + 64));
        serde_json::to_writer(&mut *bytes, &LineRef { name, secret: secret.expose() })
            .map_err(|error| broken(&error))?;
        bytes.push(b'\n');
        to.write_all(&bytes).map_err(|error| broken(&error))?;
        given += 1;
    }
    to.write_all(b"\n").map_err(|error| broken(&error))?;
    Ok(given)
}

/// Stores what [`give`] wrote, reads each back, and says how many there were.
///
/// # Errors
/// It is not what `give` writes, or the store does not give back what it was given.
pub async fn take(store: &dyn SecretStore, from: &mut (dyn BufRead + Send)) -> Result<u32, StoreError> {
    let broken = |what: &str| StoreError::Broken(format!("the secrets did not arrive whole: {what}"));
    let mut taken = 0;
    loop {
        let mut line = Zeroizing::new(Vec::with_capacity(8192));
        std::io::Read::take(&mut *from, LONGEST)
            .read_until(b'\n', &mut line)
            .map_err(|error| broken(&error.to_string()))?;
        if line.as_slice() == b"\n" {
            return Ok(taken);
        }
        if line.last() != Some(&b'\n') {
            return Err(broken("the other side stopped"));
        }
        let Line { name, secret } = serde_json::from_slice(&line).map_err(|_| broken("a line is not one of ours"))?;
        let (secret, kept) = (Zeroizing::new(secret.clone()), Secret::new(secret));
        store.put(&name, kept).await?;
        if store.get(&name).await?.is_none_or(|found| found.expose() != secret.as_str()) {
            return Err(StoreError::Broken(format!("the store does not give back `{name}` as it was stored")));
        }
        taken += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doubles::Memory;

    async fn given(store: &Memory, names: &[&str]) -> Vec<u8> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut bytes = Vec::new();
        give(store, &names, &mut bytes).await.unwrap();
        bytes
    }

    #[tokio::test]
    async fn what_is_given_is_taken_and_nothing_after_it_is_read() {
        let (from, to) = (Memory::default(), Memory::default());
        for (name, secret) in [("a", "one\nline \"two\""), ("b", "\u{1f511}"), ("c", "not asked for")] {
            from.put(name, Secret::new(secret.to_owned())).await.unwrap();
        }
        let mut bytes = given(&from, &["a", "b", "gone"]).await;
        bytes.extend_from_slice(b"the rest");
        let mut reader = bytes.as_slice();
        assert_eq!(take(&to, &mut reader).await.unwrap(), 2);
        assert_eq!(reader, b"the rest");
        let mut expected = from.secrets.lock().unwrap().clone();
        expected.remove("c");
        assert_eq!(*to.secrets.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn what_does_not_arrive_whole_is_an_error() {
        let from = Memory::default();
        from.put("a", Secret::new("one".to_owned())).await.unwrap();
        let whole = given(&from, &["a"]).await;
        for length in 0..whole.len() {
            assert!(take(&Memory::default(), &mut &whole[..length]).await.is_err(), "{length}");
        }
        assert!(take(&Memory::default(), &mut &b"{\"name\":\"a\"}\n\n"[..]).await.is_err());
    }

    #[tokio::test]
    async fn a_locked_store_gives_nothing() {
        let from = Memory::default();
        from.locked.store(true, std::sync::atomic::Ordering::SeqCst);
        assert!(matches!(give(&from, &["a".to_owned()], &mut Vec::new()).await, Err(StoreError::Locked(_))));
    }
}
