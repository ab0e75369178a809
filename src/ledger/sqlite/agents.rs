//! Agents and their tokens. A token is shown once; the ledger keeps its hash.

use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde_json::{Map, Value, json};

use super::{
    Durability, LedgerError, Sqlite, decisions, factors,
    token::{Token, TokenKind},
};
use crate::{
    approval::{Approver, Claim},
    call::Caller,
    clock::{Millis, Now},
    ledger::{Agent, CancelledBy, Reach},
};

/// How exactly the last use is known: not every call is to write.
const USE_STEP: Millis = 60_000;

/// Agents, of which a token lets one in.
pub enum Agents {}

impl TokenKind for Agents {
    const DOMAIN: &'static str = "agentport/agent-token";
    const NAME: &'static str = "agent token";
    const PREFIX: &'static str = "apt_";
}

/// What an agent shows. Printed once, to the human alone.
pub type AgentToken = Token<Agents>;

/// An agent that is to be let in.
#[derive(Debug, Clone)]
pub struct NewAgent {
    /// Its name.
    pub name: Caller,
    /// What it can call at most.
    pub reach: Reach,
    /// The user of this computer by which it is known. It gets no token then.
    pub user: Option<u32>,
    /// Until when.
    pub expires_at: Option<Millis>,
}

/// What became of letting an agent in, or of giving it another token.
#[derive(Debug)]
pub enum LetIn {
    /// This is its token.
    Token(AgentToken),
    /// It is known by its user, and has no token.
    User,
    /// Another agent is known by that user.
    Taken(Caller),
    /// One of this name is there already; to rotate: none is.
    Name,
    /// The proof is missing, not the owner's, or was used before.
    Unproven,
}

/// What became of shutting an agent out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutOut {
    /// It is out.
    Done,
    /// There is none of this name.
    Nobody,
    /// The proof was for something else, or used before.
    Unproven,
}

impl Sqlite {
    /// Everybody who was let in, by name.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn agents(&self) -> Result<Vec<Agent>, LedgerError> {
        list(&self.inner.connection(Durability::Normal))
    }

    /// When each was last heard of, to the minute.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn agents_last_used(&self) -> Result<Vec<(Caller, Option<Millis>)>, LedgerError> {
        self.on_thread(|inner| {
            let connection = inner.connection(Durability::Normal);
            let mut statement = connection.prepare_cached("SELECT name, used_at FROM agent ORDER BY name")?;
            let rows = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
            rows.map(|row| row.map_err(LedgerError::from).and_then(|(name, used)| Ok((caller(&name)?, used)))).collect()
        })
        .await
    }

    /// Lets an agent in. Where a factor is enrolled the owner has to prove it: it grants access.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn add_agent(&self, agent: NewAgent, approver: Option<Approver>, now: Now) -> Result<LetIn, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if exists(transaction, &agent.name)? {
                return Ok(LetIn::Name);
            }
            if let Some(other) = agent.user.map(|user| by_user(transaction, user)).transpose()?.flatten() {
                return Ok(LetIn::Taken(other));
            }
            if !may_let_in(transaction, approver.as_ref())? {
                return Ok(LetIn::Unproven);
            }
            // of an agent that is known by its user nobody learns it
            let token = AgentToken::generate()?;
            let integrations = match &agent.reach {
                Reach::All => Value::Null,
                Reach::Only(named) => json!(named),
            };
            transaction.execute(
                "INSERT INTO agent (name, hash, integrations, created_at, expires_at, user_id) VALUES (?, ?, ?, ?, ?, ?)",
                params![
                    agent.name.as_str(),
                    token.hash(),
                    (!integrations.is_null()).then(|| integrations.to_string()),
                    now.wall,
                    agent.expires_at,
                    agent.user
                ],
            )?;
            let mut body = by(transaction, approver.as_ref())?;
            body.insert("integrations".to_owned(), integrations);
            body.insert("expires_at".to_owned(), json!(agent.expires_at));
            body.extend(agent.user.map(|user| ("user".to_owned(), json!(user))));
            factors::home_event(transaction, "agent added", agent.name.as_str(), body, now)?;
            Ok(if agent.user.is_some() { LetIn::User } else { LetIn::Token(token) })
        })
        .await
    }

    /// Another token for an agent; the one before is worth nothing from now on.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn rotate_agent(&self, name: Caller, approver: Option<Approver>, now: Now) -> Result<LetIn, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if !exists(transaction, &name)? {
                return Ok(LetIn::Name);
            }
            if !may_let_in(transaction, approver.as_ref())? {
                return Ok(LetIn::Unproven);
            }
            let token = AgentToken::generate()?;
            transaction.execute("UPDATE agent SET hash = ? WHERE name = ?", params![token.hash(), name.as_str()])?;
            let body = by(transaction, approver.as_ref())?;
            factors::home_event(transaction, "agent token rotated", name.as_str(), body, now)?;
            Ok(LetIn::Token(token))
        })
        .await
    }

    /// Shuts an agent out, and ends what of its calls waits for a human. It only tightens, so that the terminal brings no
    /// approver; where there is one, it has to be for this.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn revoke_agent(
        &self,
        name: Caller,
        approver: Option<Approver>,
        now: Now,
    ) -> Result<ShutOut, LedgerError> {
        self.transaction(Durability::Full, move |transaction, _| {
            if !exists(transaction, &name)? {
                return Ok(ShutOut::Nobody);
            }
            if let Some(approver) = &approver
                && (*approver.claim() != Claim::ShutOut(name.as_str().to_owned())
                    || !factors::burn(transaction, approver)?)
            {
                return Ok(ShutOut::Unproven);
            }
            transaction.execute("DELETE FROM agent WHERE name = ?", [name.as_str()])?;
            let waiting: Vec<String> = transaction
                .prepare_cached("SELECT id FROM approval WHERE caller = ? AND status = 'pending'")?
                .query_map([name.as_str()], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for id in waiting {
                decisions::cancel(transaction, &id, CancelledBy::Human, now)?;
            }
            let body = match &approver {
                Some(approver) => factors::by(transaction, approver)?,
                None => Map::new(),
            };
            factors::home_event(transaction, "agent revoked", name.as_str(), body, now)?;
            Ok(ShutOut::Done)
        })
        .await
    }

    /// Whose token it is, if it is good now. Notes its use.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn agent_of(&self, token: AgentToken, now: Now) -> Result<Option<Agent>, LedgerError> {
        self.found(move |connection| find(connection, "hash", &token.hash()), now).await
    }

    /// Who is known by this user of the computer, if it is let in now. Notes its use.
    ///
    /// # Errors
    /// The database cannot be used.
    pub async fn agent_of_user(&self, user: u32, now: Now) -> Result<Option<Agent>, LedgerError> {
        self.found(move |connection| find(connection, "user_id", &user), now).await
    }

    async fn found(
        &self,
        look: impl FnOnce(&Connection) -> Result<Option<(Agent, Option<Millis>)>, LedgerError> + Send + 'static,
        now: Now,
    ) -> Result<Option<Agent>, LedgerError> {
        self.on_thread(move |inner| {
            let found = look(&inner.connection(Durability::Normal))?;
            let found = found.filter(|(agent, _)| agent.expires_at.is_none_or(|until| now.wall < until));
            let Some((agent, used_at)) = found else { return Ok(None) };
            if used_at.is_none_or(|used| now.wall.saturating_sub(used) >= USE_STEP) {
                inner.transaction(Durability::Normal, |transaction| {
                    let used = params![now.wall, agent.name.as_str()];
                    transaction.execute("UPDATE agent SET used_at = ? WHERE name = ?", used)?;
                    Ok(())
                })?;
            }
            Ok(Some(agent))
        })
        .await
    }
}

/// The first home of all has nobody who could prove anything; from the first factor on it takes the owner's.
fn may_let_in(transaction: &Transaction<'_>, approver: Option<&Approver>) -> Result<bool, LedgerError> {
    match approver {
        Some(approver) => Ok(*approver.claim() == Claim::Agents
            && approver.person().is_owner()
            && factors::burn(transaction, approver)?),
        None => factors::none(transaction),
    }
}

fn by(transaction: &Transaction<'_>, approver: Option<&Approver>) -> Result<Map<String, Value>, LedgerError> {
    match approver {
        Some(approver) => factors::by(transaction, approver),
        None => Ok(Map::from_iter([("proof".to_owned(), Value::Null)])),
    }
}

fn exists(connection: &Connection, name: &Caller) -> Result<bool, LedgerError> {
    let sql = "SELECT EXISTS (SELECT 1 FROM agent WHERE name = ?)";
    Ok(connection.query_row(sql, [name.as_str()], |row| row.get(0))?)
}

fn by_user(connection: &Connection, user: u32) -> Result<Option<Caller>, LedgerError> {
    let sql = "SELECT name FROM agent WHERE user_id = ?";
    let name: Option<String> = connection.query_row(sql, [user], |row| row.get(0)).optional()?;
    name.map(|name| caller(&name)).transpose()
}

const COLUMNS: &str = "name, integrations, created_at, expires_at, user_id";

type Row = (String, Option<String>, Millis, Option<Millis>, Option<u32>);

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn list(connection: &Connection) -> Result<Vec<Agent>, LedgerError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM agent ORDER BY name"))?;
    let rows = statement.query_map([], row)?;
    rows.map(|row| row.map_err(LedgerError::from).and_then(agent)).collect()
}

/// By its user, or the hash of its token: whoever can time this look-up learns of a hash, which opens nothing.
fn find(
    connection: &Connection,
    column: &'static str,
    value: &impl rusqlite::ToSql,
) -> Result<Option<(Agent, Option<Millis>)>, LedgerError> {
    let found: Option<(Row, Option<Millis>)> = connection
        .prepare_cached(&format!("SELECT {COLUMNS}, used_at FROM agent WHERE {column} = ?"))?
        .query_row([value], |found| Ok((row(found)?, found.get(5)?)))
        .optional()?;
    found.map(|(row, used_at)| Ok((agent(row)?, used_at))).transpose()
}

fn agent((name, integrations, created_at, expires_at, user): Row) -> Result<Agent, LedgerError> {
    let reach = match integrations {
        None => Reach::All,
        Some(text) => Reach::Only(
            serde_json::from_str::<BTreeSet<String>>(&text)
                .map_err(|_| LedgerError::Corrupt("an agent's integrations".to_owned()))?,
        ),
    };
    Ok(Agent { name: caller(&name)?, reach, user, created_at, expires_at })
}

fn caller(name: &str) -> Result<Caller, LedgerError> {
    Caller::parse(name).map_err(|_| LedgerError::Corrupt("an agent without a name".to_owned()))
}
