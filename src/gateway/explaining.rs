//! What would happen to a call, and which lines say so: asked by a person, on the terminal or the site. Nothing is admitted,
//! recorded or looked up.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Gateway, Parts};
use crate::{
    account::{Account, Environment},
    call::{Arguments, Call, Caller},
    catalog::{Problem, Tool},
    findings::Findings,
    ledger::LedgerError,
    policy::{Evaluation, Facts, Use},
    snapshot::Snapshot,
};

/// A call as it is supposed.
#[derive(Debug, Clone, Copy)]
pub struct Supposed<'a> {
    /// The tool, by either of its names.
    pub tool: &'a str,
    /// Its arguments, `account` among them or not; `None` where none is known.
    pub arguments: Option<&'a Map<String, Value>>,
    /// What was looked up for it; `None` where nothing was.
    pub facts: Option<&'a Map<String, Value>>,
    /// Who asks.
    pub caller: &'a Caller,
    /// With which account, one that is there or not; `None` as the arguments say, or the gateway would choose.
    pub account: Option<&'a str>,
    /// What the account is for, where that is not what it is connected as.
    pub environment: Option<Environment>,
}

/// The answer.
#[derive(Debug)]
pub struct Explained {
    /// The tool's policy name.
    pub tool: String,
    /// The decision with its reasons.
    pub evaluation: Evaluation,
    /// How much of each limit is used, in millionths, in the order of the evaluation.
    pub used: Vec<i64>,
}

impl Explained {
    /// Each limit that counts, with how much of it is used.
    pub fn limits(&self) -> impl Iterator<Item = (&Use, i64)> {
        self.evaluation.uses.iter().zip(self.used.iter().copied())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No such tool.
    #[error("there is no tool of this name")]
    NoTool {
        /// The one with the nearest name.
        closest: Option<String>,
    },
    /// Not its arguments.
    #[error("the arguments do not fit `{tool}`: {}", problems.iter().map(|problem| format!("{}: {}", problem.at, problem.message)).collect::<Vec<_>>().join("; "))]
    Arguments {
        /// The tool's policy name.
        tool: String,
        /// What does not fit.
        problems: Vec<Problem>,
    },
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Gateway {
    /// What would happen to this call now.
    ///
    /// # Errors
    /// There is no such call, or the ledger cannot say what is used of the limits.
    pub async fn explain(
        &self,
        parts: &Parts,
        snapshot: &Snapshot,
        supposed: &Supposed<'_>,
    ) -> Result<Explained, ExplainError> {
        let catalog = &snapshot.catalog;
        let tool = catalog.find(supposed.tool).ok_or_else(|| {
            let closest = catalog.closest(supposed.tool).map(|name| snapshot.policy_name(&name));
            ExplainError::NoTool { closest }
        })?;
        let unfit = |problems| ExplainError::Arguments { tool: tool.policy_name(), problems };
        let accounts = snapshot.accounts_of(&tool.integration.id);
        let (arguments, account) = given(tool, supposed, &accounts).map_err(unfit)?;
        let known = accounts.iter().find(|known| known.name == account);
        let findings = supposed.facts.map(Findings::supposed);
        let now = self.clock.now();
        let facts = Facts {
            tool,
            arguments: arguments.as_ref(),
            caller: supposed.caller,
            account: &account,
            environment: supposed.environment.or(known.map(|account| account.environment)).unwrap_or_default(),
            findings: findings.as_ref(),
            now: now.wall,
        };
        let evaluation = snapshot.policy.evaluate(&facts);
        let used = parts.home.used(evaluation.uses.clone(), now).await?;
        Ok(Explained { tool: tool.policy_name(), evaluation, used })
    }
}

/// The arguments and the account of a call as it is supposed.
fn given(
    tool: &Tool,
    supposed: &Supposed<'_>,
    accounts: &[Arc<Account>],
) -> Result<(Option<Arguments>, String), Vec<Problem>> {
    const USUAL: &str = "default";
    let Some(given) = supposed.arguments else {
        // no argument is known, and so the account is not either
        let only = if let [only] = accounts { only.name.as_str() } else { USUAL };
        return Ok((None, supposed.account.unwrap_or(only).to_owned()));
    };
    let (given, named) = Call::apart(given)?;
    let account = match (supposed.account, named) {
        (Some(one), Some(other)) if *one != other => {
            let message = format!("is not the account `{one}` that was named beside the arguments");
            return Err(vec![Problem { at: "/account".to_owned(), message }]);
        }
        (Some(name), _) => name.to_owned(),
        (None, named) => match Call::choose(named.as_deref(), accounts).map_err(|problem| vec![problem])? {
            Some(account) => account.name.clone(),
            None => named.unwrap_or_else(|| USUAL.to_owned()),
        },
    };
    Ok((Some(Arguments::parse(tool, &given)?), account))
}
