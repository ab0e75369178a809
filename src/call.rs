//! What the agent asked, parsed: valid by construction, with the key that finds the approval of the same call again.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use crate::catalog::Arguments;
use crate::{
    account::Account,
    canonical,
    catalog::{self, Place, Problem, Tool},
};

/// The agent that asks, as the channel proves it: the stdio peer's name, or the holder of an agent token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Caller(String);

impl Caller {
    /// The product's own reads: verifying a credential. No agent can have this name.
    pub const AGENTPORT: &'static str = "agentport";

    /// An agent's name: `^[a-z][a-z0-9_-]{0,63}$`, and not the product's own.
    ///
    /// # Errors
    /// What a name must look like.
    pub fn parse(name: &str) -> Result<Self, String> {
        let mut bytes = name.bytes();
        let first = bytes.next().is_some_and(|byte| byte.is_ascii_lowercase());
        let rest = bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-');
        if !first || !rest || name.len() > 64 {
            return Err(format!(
                "`{}` is not a caller's name; use lower-case letters, digits, `-` and `_`, at most 64, a letter first",
                name.escape_debug().take(80).collect::<String>()
            ));
        }
        if name == Self::AGENTPORT {
            return Err("`agentport` is the product's own name; choose another for the caller".to_owned());
        }
        Ok(Self(name.to_owned()))
    }

    /// The caller of the product's own reads.
    pub fn agentport() -> Self {
        Self(Self::AGENTPORT.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Caller {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        if name == Self::AGENTPORT { Ok(Self(name)) } else { Self::parse(&name) }
    }
}

impl From<Caller> for String {
    fn from(caller: Caller) -> Self {
        caller.0
    }
}

/// A call that fits its tool and names its account.
#[derive(Debug, Clone)]
pub struct Call {
    tool: Arc<Tool>,
    account: Arc<Account>,
    caller: Caller,
    arguments: Arguments,
    given: Map<String, Value>,
    reason: Option<String>,
    key: CallKey,
}

/// Finds the approval of a repeated call: integration, tool, account, caller, canonical arguments with defaults,
/// without `_reason`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallKey([u8; 32]);

impl CallKey {
    /// The key of a request of the product's own: no agent's call has it.
    pub fn own(integration: &str, tool: &str, account: &str) -> Self {
        let parts = [integration, tool, account].map(str::as_bytes);
        Self(canonical::sha256("agentport/own-call/1", &parts))
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Why a request is not a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The arguments do not fit.
    #[error("the arguments do not fit the tool")]
    Invalid(Vec<Problem>),
    /// The integration has no account yet.
    #[error("`{0}` has no account; a human must finish the set-up")]
    NoAccount(String),
}

/// A tool's own arguments, and the account that was named beside them.
pub type Apart = (Map<String, Value>, Option<String>);

impl Call {
    /// The longest `_reason` that is taken, in characters.
    pub const REASON_MAX: usize = catalog::REASON_MAX;

    /// Parses what an agent sent for `tool`. `accounts` are those of the tool's integration.
    ///
    /// # Errors
    /// All problems of the arguments; or that there is no account to act with.
    pub fn parse(
        tool: &Arc<Tool>,
        arguments: Map<String, Value>,
        caller: &Caller,
        accounts: &[Arc<Account>],
    ) -> Result<Self, CallError> {
        let mut given = arguments;
        let mut problems = Vec::new();
        let reason = take_text(&mut given, "_reason", &mut problems);
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > Self::REASON_MAX) {
            problems.push(problem("/_reason", format!("at most {} characters", Self::REASON_MAX)));
        }
        let named = take_text(&mut given, "account", &mut problems);
        let account = Self::choose(named.as_deref(), accounts).unwrap_or_else(|unclear| {
            problems.push(unclear);
            None
        });
        let arguments = match Arguments::parse(tool, &given) {
            Ok(arguments) => arguments,
            Err(more) => {
                problems.extend(more);
                Arguments::default()
            }
        };
        problems.extend(tool.statement_problem(&arguments));
        if !problems.is_empty() {
            problems.sort();
            return Err(CallError::Invalid(problems));
        }
        let Some(account) = account else { return Err(CallError::NoAccount(tool.integration.id.clone())) };
        // what of the answer is wanted makes no other call of it: nothing of that is sent
        let is_sent = |name: &str| !tool.params.iter().any(|param| param.name == name && param.place == Place::Answer);
        let sent = arguments.as_map().iter().filter(|(name, _)| is_sent(name));
        let sent: Map<String, Value> = sent.map(|(name, value)| (name.clone(), value.clone())).collect();
        let key = CallKey(canonical::sha256(
            "agentport/call-key/1",
            &[
                tool.integration.id.as_bytes(),
                tool.name.as_bytes(),
                account.name.as_bytes(),
                caller.as_str().as_bytes(),
                canonical::object_text(&sent).as_bytes(),
            ],
        ));
        Ok(Self {
            tool: Arc::clone(tool),
            account: Arc::clone(account),
            caller: caller.clone(),
            arguments,
            given,
            reason: reason.filter(|reason| !reason.is_empty()),
            key,
        })
    }

    /// What was given, less what is no argument of the tool; and the account that it names.
    ///
    /// # Errors
    /// What of it is no text.
    pub fn apart(arguments: &Map<String, Value>) -> Result<Apart, Vec<Problem>> {
        let (mut given, mut problems) = (arguments.clone(), Vec::new());
        let _reason = take_text(&mut given, "_reason", &mut problems);
        let account = take_text(&mut given, "account", &mut problems);
        if problems.is_empty() { Ok((given, account)) } else { Err(problems) }
    }

    /// Which of several accounts is meant.
    pub(crate) fn choose<'a>(
        named: Option<&str>,
        accounts: &'a [Arc<Account>],
    ) -> Result<Option<&'a Arc<Account>>, Problem> {
        let choices = || accounts.iter().map(|account| format!("`{}`", account.name)).collect::<Vec<_>>().join(", ");
        let found = |name: &str| accounts.iter().find(|account| account.name == name);
        match (named, accounts) {
            (_, []) => Ok(None),
            (Some(name), _) => found(name)
                .map(Some)
                .ok_or_else(|| problem("/account", format!("no such account; use one of {}", choices()))),
            (None, [only]) => Ok(Some(only)),
            (None, _) => {
                let message = format!("required, because there are several: one of {}", choices());
                Err(problem("/account", message))
            }
        }
    }

    /// The tool that is called.
    pub fn tool(&self) -> &Arc<Tool> {
        &self.tool
    }

    /// The account it acts with.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The arguments with defaults.
    pub fn arguments(&self) -> &Arguments {
        &self.arguments
    }

    /// The arguments as the agent gave them, less `account` and `_reason`.
    pub fn given(&self) -> &Map<String, Value> {
        &self.given
    }

    /// What the agent says it is for. Unverified.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Finds the approval of the same call.
    pub fn key(&self) -> CallKey {
        self.key
    }
}

fn take_text(given: &mut Map<String, Value>, name: &str, problems: &mut Vec<Problem>) -> Option<String> {
    match given.remove(name)? {
        Value::String(text) => Some(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            problems.push(problem(&format!("/{name}"), "must be a string".to_owned()));
            None
        }
    }
}

fn problem(at: &str, message: String) -> Problem {
    Problem { at: at.to_owned(), message }
}
