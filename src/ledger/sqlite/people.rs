//! Who may say yes. The owner is there with the home; whoever else there is, the owner's factor has agreed to.

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Value, json};

use super::{Durability, EnrolmentToken, LedgerError, Sqlite, enrolments, factors, fresh_id};
use crate::{
    approval::{Approver, Claim, FactorId, Person, PersonId, PersonName},
    clock::Now,
};

impl Sqlite {
    /// Everybody, the owner first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn people(&self) -> Result<Vec<Person>, LedgerError> {
        self.on_thread(|inner| list(&inner.connection(Durability::Normal))).await
    }

    /// Adds a person, and makes the set-up link by which they enrol their factor; for one who has enrolled nothing yet, another
    /// link. `None`: the proof is not the owner's, or was used before, or the name is taken.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn add_person(
        &self,
        name: PersonName,
        approver: Approver,
        now: Now,
    ) -> Result<Option<EnrolmentToken>, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let there = list(transaction)?.into_iter().find(|person| person.name == name);
            let taken = there.as_ref().is_some_and(|person| !person.is_invited());
            if taken || !owner_agrees(transaction, &approver, &Claim::AddPerson(name.clone()))? {
                return Ok(None);
            }
            let mut body = factors::by(transaction, &approver)?;
            body.insert("name".to_owned(), json!(name));
            let (id, event) = if let Some(person) = there {
                (person.id, "person invited again")
            } else {
                let id = PersonId(fresh_id("per")?);
                transaction.execute(
                    "INSERT INTO person (id, name, created_at) VALUES (?, ?, ?)",
                    params![id.0, name.as_str(), now.wall],
                )?;
                (id, "person added")
            };
            factors::home_event(transaction, event, &id.0, body, now)?;
            enrolments::make(transaction, id, true, None, now).map(Some)
        })
        .await
    }

    /// Removes a person with all that is theirs; their yes to what still waits no longer counts. The ids of their
    /// factors, whose seeds are the caller's to delete. `None`: there is no such person, it is the owner, or the proof is
    /// not the owner's or was used before.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn remove_person(
        &self,
        id: PersonId,
        approver: Approver,
        now: Now,
    ) -> Result<Option<Vec<FactorId>>, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            let claim = Claim::RemovePerson(id.clone());
            if id.is_owner() || name_of(transaction, &id)?.is_none() || !owner_agrees(transaction, &approver, &claim)? {
                return Ok(None);
            }
            let factors = factors::list(transaction)?.into_iter().filter(|factor| factor.person == id);
            let factors: Vec<FactorId> = factors.map(|factor| factor.id).collect();
            for sql in [
                "DELETE FROM passkey WHERE factor IN (SELECT id FROM factor WHERE person = ?)",
                "DELETE FROM factor WHERE person = ?",
                "DELETE FROM recovery WHERE person = ?",
                "DELETE FROM session WHERE person = ?",
                "DELETE FROM attempt WHERE person = ?",
                "DELETE FROM person WHERE id = ?",
            ] {
                transaction.execute(sql, [&id.0])?;
            }
            enrolments::end(transaction)?;
            factors::home_event(transaction, "person removed", &id.0, factors::by(transaction, &approver)?, now)?;
            Ok(Some(factors))
        })
        .await
    }
}

/// The name of a person; `None` where there is no such person (any more).
pub(super) fn name_of(connection: &Connection, id: &PersonId) -> Result<Option<String>, LedgerError> {
    Ok(connection
        .prepare_cached("SELECT name FROM person WHERE id = ?")?
        .query_row([&id.0], |row| row.get(0))
        .optional()?)
}

/// What a record says of who it was: the name as it is now, which may be somebody else's later, and the id, which never is.
pub(super) fn describe(connection: &Connection, id: &PersonId) -> Result<Value, LedgerError> {
    Ok(json!({"id": id, "name": name_of(connection, id)?}))
}

fn owner_agrees(transaction: &Transaction<'_>, approver: &Approver, to: &Claim) -> Result<bool, LedgerError> {
    Ok(approver.claim() == to && approver.person().is_owner() && factors::burn(transaction, approver)?)
}

fn list(connection: &Connection) -> Result<Vec<Person>, LedgerError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, name, created_at, (SELECT count(*) FROM factor WHERE factor.person = person.id),
            (SELECT count(*) FROM recovery WHERE recovery.person = person.id)
         FROM person ORDER BY created_at, id",
    )?;
    let rows = statement.query_map([], |row| {
        Ok((PersonId(row.get(0)?), row.get::<_, String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    })?;
    let mut people = Vec::new();
    for row in rows {
        let (id, name, since, factors, recovery_codes) = row?;
        let name = name.parse().map_err(|_| LedgerError::Corrupt("a person without a name".to_owned()))?;
        people.push(Person { id, name, since, factors, recovery_codes });
    }
    Ok(people)
}
