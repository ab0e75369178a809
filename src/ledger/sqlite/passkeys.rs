//! Passkeys and their challenges: each signed once, within two minutes, in whatever process.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::{Durability, Grant, LedgerError, Sqlite, fresh_id};
use crate::{
    approval::{
        Claim, FactorId, Passkey, PersonId,
        passkey::{NewPasskey, PublicKey, Signed, challenge},
    },
    clock::{Millis, Now},
    plan::Digest,
};

/// How long a person may take between asking for a challenge and touching the key.
const LIFETIME: Millis = 2 * 60 * 1000;
/// How many challenges wait at once, over all people and claims; the oldest goes first.
const MOST: u32 = 256;

impl Sqlite {
    /// A fresh challenge for a claim. Which one was asked for is remembered, so that it can be answered once.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn new_challenge(&self, claim: Claim, now: Now) -> Result<String, LedgerError> {
        self.transaction(Durability::Normal, move |transaction, _| keep(transaction, &claim, None, now)).await
    }

    /// The same for a yes that gives a grant with it. The grant is kept as it was made: what is signed is all of it, and
    /// nothing that comes with the signature changes it.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn new_grant_challenge(
        &self,
        approval: String,
        digest: Digest,
        grant: Grant,
        now: Now,
    ) -> Result<String, LedgerError> {
        let claim = Claim::Grant { approval, digest, grant: grant.digest() };
        let text = serde_json::to_string(&grant).map_err(|error| LedgerError::Corrupt(error.to_string()))?;
        self.transaction(Durability::Normal, move |transaction, _| keep(transaction, &claim, Some(&text), now)).await
    }

    /// The grant that a challenge was made for, where it was for one. Whether the challenge still waits, its nonce says.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn grant_of_challenge(&self, challenge: String) -> Result<Option<Grant>, LedgerError> {
        self.on_thread(move |inner| {
            let text: Option<String> = inner
                .connection(Durability::Normal)
                .prepare_cached("SELECT granting FROM challenge WHERE challenge = ?")?
                .query_row([&challenge], |row| row.get(0))
                .optional()?
                .flatten();
            let read =
                |text: String| serde_json::from_str(&text).map_err(|error| LedgerError::Corrupt(error.to_string()));
            text.map(read).transpose()
        })
        .await
    }

    /// The nonce of a challenge that still waits.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn nonce(&self, challenge: String, now: Now) -> Result<Option<String>, LedgerError> {
        self.on_thread(move |inner| {
            let found: Option<(String, Millis, Millis, i64)> = inner
                .connection(Durability::Normal)
                .prepare_cached("SELECT nonce, at, boot, boot_id FROM challenge WHERE challenge = ?")?
                .query_row([&challenge], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
                .optional()?;
            // by whichever clock comes first; one of an earlier boot, or of a time that has not come, is none
            let fresh = |from: Millis, to: Millis| (0..LIFETIME).contains(&to.saturating_sub(from));
            Ok(found
                .filter(|(_, at, boot, id)| *id == now.boot_id && fresh(*at, now.wall) && fresh(*boot, now.boot))
                .map(|(nonce, ..)| nonce))
        })
        .await
    }

    /// What was signed wrongly is not signed again: the challenge goes.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn drop_challenge(&self, challenge: String) -> Result<(), LedgerError> {
        self.transaction(Durability::Normal, move |transaction, _| {
            transaction.execute("DELETE FROM challenge WHERE challenge = ?", [challenge])?;
            Ok(())
        })
        .await
    }

    /// The passkeys of a person; `None`: everybody's.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn passkeys(&self, of: Option<PersonId>) -> Result<Vec<Passkey>, LedgerError> {
        self.on_thread(move |inner| {
            let all = list(&inner.connection(Durability::Normal))?;
            Ok(all.into_iter().filter(|passkey| of.as_ref().is_none_or(|of| *of == passkey.person)).collect())
        })
        .await
    }
}

/// A challenge that waits, with the grant that is given with it.
fn keep(transaction: &Transaction<'_>, claim: &Claim, granting: Option<&str>, now: Now) -> Result<String, LedgerError> {
    transaction.execute("DELETE FROM challenge WHERE at <= ?", [now.wall.saturating_sub(LIFETIME)])?;
    transaction.execute(
        "DELETE FROM challenge WHERE challenge IN (SELECT challenge FROM challenge ORDER BY at DESC LIMIT -1 OFFSET ?)",
        [MOST - 1],
    )?;
    let nonce = fresh_id("non")?;
    let challenge = challenge(claim, &nonce);
    transaction.execute(
        "INSERT INTO challenge (challenge, nonce, at, boot, boot_id, granting) VALUES (?, ?, ?, ?, ?, ?)",
        params![challenge, nonce, now.wall, now.boot, now.boot_id, granting],
    )?;
    Ok(challenge)
}

/// Takes in a passkey as the factor `id`. `false`: it is enrolled already.
pub(super) fn add(transaction: &Transaction<'_>, id: &FactorId, new: &NewPasskey) -> Result<bool, LedgerError> {
    let added = transaction.execute(
        "INSERT OR IGNORE INTO passkey
             (factor, credential, public_key, counter, backup_eligible, backed_up, aaguid, origin)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        params![
            id.0,
            new.credential,
            String::from(new.key.clone()),
            new.counter,
            new.backup_eligible,
            new.backed_up,
            new.aaguid,
            new.origin
        ],
    )?;
    Ok(added == 1)
}

/// Burns a signature: its challenge waits no more, and a counter that counts goes up, else somebody has a copy of the key.
/// `false`: it was burnt before.
pub(super) fn burn(transaction: &Transaction<'_>, factor: &FactorId, signed: &Signed) -> Result<bool, LedgerError> {
    let challenge = signed.assertion.challenge().unwrap_or_default();
    let waited = transaction.execute(
        "DELETE FROM challenge WHERE challenge = ? AND nonce = ?",
        [challenge.as_str(), signed.nonce.as_str()],
    )?;
    if waited != 1 {
        return Ok(false);
    }
    let counted = transaction.execute(
        "UPDATE passkey SET counter = ?1, backed_up = ?2 WHERE factor = ?3 AND public_key = ?4
         AND (counter < ?1 OR (counter = 0 AND ?1 = 0))",
        params![signed.counter, signed.backed_up, factor.0, String::from(signed.key.clone())],
    )?;
    Ok(counted == 1)
}

fn list(connection: &Connection) -> Result<Vec<Passkey>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT passkey.factor, factor.person, credential, public_key, backup_eligible, origin
         FROM passkey JOIN factor ON factor.id = passkey.factor ORDER BY factor.created_at, factor.id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((
            FactorId(row.get(0)?),
            PersonId(row.get(1)?),
            row.get(2)?,
            row.get::<_, String>(3)?,
            row.get(4)?,
            row.get(5)?,
        ))
    })?;
    let mut passkeys = Vec::new();
    for row in rows {
        let (factor, person, credential, key, backup_eligible, origin) = row?;
        // one that cannot be read checks nothing
        let Ok(key) = PublicKey::try_from(key) else { continue };
        passkeys.push(Passkey { factor, person, credential, key, backup_eligible, origin });
    }
    Ok(passkeys)
}
