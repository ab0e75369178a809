//! What would happen to a call, and which lines say so: asked by a person, on the terminal or the site. Nothing is admitted,
//! recorded or looked up.

use serde_json::{Map, Value};

use super::{Gateway, Parts};
use crate::{
    account::Environment,
    call::{Arguments, Caller},
    catalog::Problem,
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
    /// Its arguments; `None` where none is known.
    pub arguments: Option<&'a Map<String, Value>>,
    /// What was looked up for it; `None` where nothing was.
    pub facts: Option<&'a Map<String, Value>>,
    /// Who asks.
    pub caller: &'a Caller,
    /// With which account.
    pub account: &'a str,
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
        let arguments = supposed.arguments.map(|given| Arguments::parse(tool, given)).transpose();
        let arguments = arguments.map_err(|problems| ExplainError::Arguments { tool: tool.policy_name(), problems })?;
        let accounts = snapshot.accounts_of(&tool.integration.id);
        let known = accounts.iter().find(|account| account.name == supposed.account);
        let findings = supposed.facts.map(Findings::supposed);
        let now = self.clock.now();
        let facts = Facts {
            tool,
            arguments: arguments.as_ref(),
            caller: supposed.caller,
            account: supposed.account,
            environment: supposed.environment.or(known.map(|account| account.environment)).unwrap_or_default(),
            findings: findings.as_ref(),
            now: now.wall,
        };
        let evaluation = snapshot.policy.evaluate(&facts);
        let used = parts.home.used(evaluation.uses.clone(), now).await?;
        Ok(Explained { tool: tool.policy_name(), evaluation, used })
    }
}
