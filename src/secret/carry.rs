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
