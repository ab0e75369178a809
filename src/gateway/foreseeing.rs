//! What a waiting statement would change, asked of its database: one read of the caller `agentport`, admitted and recorded
//! like every other read, under the credential for reads.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Gateway, Parts, previewing::account_of};
use crate::{
    account::Account,
    call::{Call, Caller},
    catalog::{RequestTemplate, SqlOperation, SqlTemplate, Tool},
    findings::{Fact, Finding, Found},
    plan::Plan,
    policy::{self, Decision, Evaluation},
    snapshot::Snapshot,
};

/// What headlines and policies call it.
pub(super) const NAME: &str = "database";

impl Gateway {
    /// Asks the database of `plan`. Nothing where the statement is not one of which anything can be said.
    pub(super) async fn foresee(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        snapshot: &Snapshot,
        tool: &Tool,
        plan: &Plan,
    ) -> Option<Finding> {
        let looked = self.look_at_database(parts, snapshot, tool, plan).await;
        let found = match looked {
            Ok(facts) if facts.is_empty() => return None,
            Ok(facts) => {
                let values = values(&facts);
                Found::facts(facts, values)
            }
            Err(why) => Found::Problem(why),
        };
        let source = format!("{}.preview", plan.integration());
        Some(Finding { name: NAME.to_owned(), source, found })
    }

    async fn look_at_database(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        snapshot: &Snapshot,
        tool: &Tool,
        plan: &Plan,
    ) -> Result<Vec<Fact>, String> {
        let preview = snapshot.catalog.preview_tool(plan.integration()).ok_or("there is no such read")?;
        let account = account_of(snapshot, plan).ok_or("the account is not the one that this was asked with")?;
        may_be_read(snapshot, tool, plan, account, self.clock.now().wall)?;
        let given = plan.arguments().as_map();
        let known = |name: &String| preview.params.iter().any(|param| param.name == *name);
        let arguments: Map<String, Value> =
            given.iter().filter(|(name, _)| known(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
        let call = Call::parse(preview, arguments, &Caller::agentport(), &[Arc::clone(account)])
            .map_err(|_| "the statement does not fit the read".to_owned())?;
        let summary = "Look at what a statement would change".to_owned();
        let answer = self.own_read(parts, &call, account, Evaluation::own_read(), summary).await?;
        let facts = answer.get("facts").cloned().unwrap_or_default();
        serde_json::from_value(facts).map_err(|_| "the database's answer cannot be read".to_owned())
    }
}

/// What the policy denies to be read, no approver is shown either: the tables that the statement changes are judged as a
/// query of them would be.
fn may_be_read(
    snapshot: &Snapshot,
    tool: &Tool,
    plan: &Plan,
    account: &Arc<Account>,
    now: crate::clock::Millis,
) -> Result<(), String> {
    let query = snapshot.catalog.tools_of(plan.integration()).find(|tool| match tool.request {
        RequestTemplate::Sql(SqlTemplate { operation, .. }) => operation == SqlOperation::Query,
        RequestTemplate::Rest(_) | RequestTemplate::Graphql(_) => false,
    });
    let statement = tool.statement(plan.arguments());
    let targets = statement.iter().flat_map(crate::sql::Statement::targets);
    for text in targets.map(|target| target.count_all().text) {
        let arguments = Map::from_iter([("sql".to_owned(), json!(text))]);
        // a name of which it is not sure that reading it only reads is not asked about later on either
        let Some(Ok(call)) =
            query.map(|query| Call::parse(query, arguments, &Caller::agentport(), &[Arc::clone(account)]))
        else {
            continue;
        };
        let Ok(read) = Plan::build(&call) else { continue };
        let evaluation = snapshot.policy.evaluate(&policy::Facts::of_plan(call.tool(), &read, now));
        if evaluation.decision != Decision::Allow {
            return Err(format!("the policy does not allow this read (`{}`)", evaluation.rule()));
        }
    }
    Ok(())
}

/// What policies and headlines may ask of it.
fn values(facts: &[Fact]) -> Value {
    let of = |label: &str| facts.iter().find(|fact| fact.label == label).map(|fact| &fact.value);
    let rows = ["Rows that match now", "Rows to be added", "Rows in it"].into_iter().find_map(of);
    let rows = rows.filter(|rows| rows.is_number());
    json!({ "rows": rows })
}
