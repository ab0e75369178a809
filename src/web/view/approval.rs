//! One approval: what would happen, to whom, who asks and why it was asked; then the request to the last byte; then, last
//! and unverified, what the agent says about it.

use serde_json::{Map, Value};

use super::{
    cell::Cell,
    findings::FindingsView,
    headline::{HeadlineWord, currencies, headline, oddities},
    json::pretty,
    letters,
    outcome::Standing,
    request::RequestView,
    rows::{Row, not_given, rows},
    statement::StatementView,
    when::When,
};
use crate::{
    account::Account,
    catalog::Tool,
    clock::Millis,
    findings::Findings,
    ledger::{Approval, Lately},
    plan::{Plan, Request},
    policy::{Decision, Evaluation},
    snapshot::Snapshot,
    sql::Dialect,
};

/// The arguments that a statement is made of.
const STATED: [&str; 2] = ["sql", "params"];

/// What an approval is seen in front of.
#[derive(Debug)]
pub(in crate::web) struct Surroundings<'a> {
    /// Catalog and accounts as they are now.
    pub(in crate::web) snapshot: &'a Snapshot,
    /// What the policy says now.
    pub(in crate::web) judgement: Option<&'a Evaluation>,
    /// When a human said no to one like it, shortly before it was asked.
    pub(in crate::web) denied_like_it: Option<Millis>,
    /// When the same call last ran.
    pub(in crate::web) last_ran: Option<Millis>,
    /// How often the like was asked lately.
    pub(in crate::web) lately: Lately,
    /// Now.
    pub(in crate::web) now: Millis,
}

/// The page of one approval.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct ApprovalView {
    /// `apr_…`
    pub(in crate::web) id: String,
    /// `rec_…`
    pub(in crate::web) record: String,
    /// The tool's title, or its name where the definition is gone.
    pub(in crate::web) title: String,
    /// The tool's policy name.
    pub(in crate::web) tool: String,
    /// Where it stands.
    pub(in crate::web) standing: Standing,
    /// What must be read before everything else.
    pub(in crate::web) warnings: Vec<(&'static str, &'static str)>,
    /// What was looked up for it.
    pub(in crate::web) findings: Option<FindingsView>,
    /// What happens, in words, where all that they name is known.
    pub(in crate::web) headline: Vec<HeadlineWord>,
    /// What is odd about the values in it.
    pub(in crate::web) oddities: Vec<String>,
    /// Whether it can be undone.
    pub(in crate::web) undo: Option<String>,
    /// What the yes is for: the plan and what was looked up.
    pub(in crate::web) seen: String,
    /// What would be sent; `None` once it was pruned from the log.
    pub(in crate::web) call: Option<CallView>,
    /// One line, for when the rest was pruned.
    pub(in crate::web) summary: Cell,
    /// Who asked.
    pub(in crate::web) asker: Cell,
    /// When it was asked.
    pub(in crate::web) asked: When,
    /// When it stops waiting.
    pub(in crate::web) expires: When,
    /// When the same call last ran.
    pub(in crate::web) last_ran: Option<When>,
    /// How often the like was asked lately, in words.
    pub(in crate::web) lately: String,
    /// Why it was asked.
    pub(in crate::web) reasons: Vec<Why>,
    /// What the policy says now, where that is something else.
    pub(in crate::web) now_says: Option<&'static str>,
}

/// What would be done, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct CallView {
    /// `destructive`
    pub(in crate::web) effect: &'static str,
    /// The service's name.
    pub(in crate::web) service: String,
    /// The account's name with us.
    pub(in crate::web) account: Cell,
    /// Whose it is, as the vendor says.
    pub(in crate::web) identity: Vec<Cell>,
    /// `production`
    pub(in crate::web) environment: &'static str,
    /// `live` or `test mode`, as the vendor says.
    pub(in crate::web) live: Option<&'static str>,
    /// Where it goes, when that is not the service's own address.
    pub(in crate::web) origin: Option<Cell>,
    /// The server and the database, where it goes to one.
    pub(in crate::web) database: Option<(Cell, Option<Cell>)>,
    /// The statement over lines, where it is one for a database.
    pub(in crate::web) statement: Option<StatementView>,
    /// The arguments.
    pub(in crate::web) rows: Vec<Row>,
    /// What was neither given nor is assumed.
    pub(in crate::web) not_given: Vec<String>,
    /// The request.
    pub(in crate::web) request: RequestView,
    /// The arguments as the agent wrote them.
    pub(in crate::web) given: Cell,
    /// What page, code, log and wire share.
    pub(in crate::web) digest: String,
    /// What the agent says it is for.
    pub(in crate::web) words: Option<Cell>,
    /// What is odd about the agent's words.
    pub(in crate::web) words_oddities: Vec<String>,
}

/// A line of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::web) struct Why {
    /// What it says.
    pub(in crate::web) decision: &'static str,
    /// Its name.
    pub(in crate::web) rule: Cell,
    /// `policy.toml, line 12`
    pub(in crate::web) place: String,
    /// The owner's words.
    pub(in crate::web) text: Option<Cell>,
}

impl ApprovalView {
    /// Was it looked up what becomes of something?
    pub(in crate::web) fn is_change(&self) -> bool {
        self.findings.as_ref().is_some_and(FindingsView::is_change)
    }

    /// The page of `approval`.
    pub(in crate::web) fn new(approval: &Approval, surroundings: &Surroundings<'_>) -> Self {
        let now = surroundings.now;
        let plan = approval.plan.as_deref();
        let tool = plan.and_then(|plan| current_tool(plan, surroundings.snapshot));
        let account = plan.and_then(|plan| current_account(plan, surroundings.snapshot));
        let standing = Standing::new(approval, now);
        let decision = approval.evaluation.as_ref().map(|evaluation| evaluation.decision);
        let says = surroundings.judgement.map(|evaluation| evaluation.decision);
        let changed = says.filter(|says| standing == Standing::Waiting && Some(*says) != decision);
        let mut warnings = Vec::new();
        if standing == Standing::Waiting && surroundings.denied_like_it.is_some() {
            warnings.push((
                "Look twice",
                "Shortly before this was asked, a human said no to a call of the same tool by the same agent, with other arguments.",
            ));
        }
        if standing == Standing::Waiting && plan.is_some() {
            if tool.is_none() {
                let text = "The tool's definition is not the one that this was asked with. Approving will cancel it.";
                warnings.push(("Changed", text));
            }
            if account.is_none() {
                let text = "The account is not the one that this was asked with. Approving will cancel it.";
                warnings.push(("Changed", text));
            }
        }
        Self {
            id: approval.id.clone(),
            record: approval.record.clone(),
            title: tool.map_or_else(|| approval.tool.clone(), |tool| tool.title.clone()),
            tool: approval.tool.clone(),
            warnings,
            findings: approval.findings.as_ref().and_then(|findings| FindingsView::new(findings, now)),
            headline: tool
                .zip(plan)
                .map(|(tool, plan)| headline(tool, plan, approval.findings.as_ref()))
                .unwrap_or_default(),
            oddities: tool
                .zip(plan)
                .map(|(tool, plan)| oddities(tool, plan, approval.findings.as_ref()))
                .unwrap_or_default(),
            undo: tool.and_then(|tool| tool.ask.undo.clone()),
            seen: approval.shown_digest().map(|digest| digest.to_string()).unwrap_or_default(),
            call: plan.map(|plan| CallView::new(plan, tool, account, approval.findings.as_ref(), &approval.id)),
            summary: Cell::of_visible(&approval.summary),
            asker: Cell::line(&approval.caller),
            asked: When::new(approval.created_at, now),
            expires: When::new(approval.expires_at, now),
            last_ran: surroundings.last_ran.map(|at| When::new(at, now)),
            lately: often(surroundings.lately),
            reasons: approval.evaluation.as_ref().map(whys).unwrap_or_default(),
            now_says: changed.map(|decision| match decision {
                Decision::Allow => "The policy allows this call now. This one still needs your yes.",
                Decision::Ask => "The policy asks about this call now.",
                Decision::Deny => "The policy denies this call now. Approving will be refused, and end it.",
            }),
            standing,
        }
    }
}

impl CallView {
    fn new(
        plan: &Plan,
        tool: Option<&Tool>,
        account: Option<&Account>,
        findings: Option<&Findings>,
        approval: &str,
    ) -> Self {
        let params = tool.map(|tool| tool.params.as_slice()).unwrap_or_default();
        let arguments = plan.arguments().as_map();
        let usual = tool.map(|tool| tool.integration.upstream.origin());
        let identity = account.map(|account| &account.identity);
        let (database, statement) = match plan.request() {
            Request::Sql(sql) => {
                // a file is its own server
                let name = (sql.dialect != Dialect::Sqlite).then(|| Cell::line(&sql.database));
                (Some((Cell::line(plan.origin().as_str()), name)), StatementView::new(sql))
            }
            Request::Http(_) => (None, None),
        };
        // what is shown as a statement, and what nobody asked for, is in the request below
        let shown = |name: &String| {
            statement.is_none() || (!STATED.contains(&name.as_str()) && plan.given().contains_key(name))
        };
        let rest: Map<String, Value> = arguments
            .iter()
            .filter(|(name, _)| shown(name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let own = identity.and_then(|identity| {
            let names = [&identity.name, &identity.id].into_iter().flatten();
            names.map(String::as_str).find(|name| name.contains('@'))
        });
        let mut names: Vec<&String> =
            identity.into_iter().flat_map(|identity| [&identity.name, &identity.id]).flatten().collect();
        names.dedup();
        if database.is_some() {
            // the second one says nothing there that the first does not, and of a file neither does
            let is_file = matches!(plan.request(), Request::Sql(sql) if sql.dialect == Dialect::Sqlite);
            names.truncate(usize::from(!is_file));
        }
        let request = RequestView::new(plan, tool, own, findings, approval);
        let currencies = tool.map(|tool| currencies(tool, plan, findings)).unwrap_or_default();
        let mut rows = rows(params, &rest, plan.given(), &currencies);
        if let Some(mail) = &request.mail {
            mail.mark(&mut rows);
        }
        Self {
            effect: plan.effect().as_str(),
            service: tool.map_or_else(|| plan.integration().to_owned(), |tool| tool.integration.title.clone()),
            account: Cell::line(plan.account()),
            identity: names.into_iter().map(|name| Cell::line(name)).collect(),
            environment: plan.environment().as_str(),
            live: identity.and_then(|identity| identity.live).map(|live| if live { "live" } else { "test mode" }),
            // a database has no usual address
            origin: Some(plan.origin().as_str())
                .filter(|origin| usual != Some(*origin) && database.is_none())
                .map(Cell::line),
            database,
            rows,
            not_given: if statement.is_some() { Vec::new() } else { not_given(params, arguments) },
            statement,
            request,
            given: pretty(&Value::Object(plan.given().clone())),
            digest: plan.digest().to_string(),
            words: plan.reason().map(Cell::text),
            words_oddities: plan.reason().map(letters::oddities).unwrap_or_default(),
        }
    }
}

/// The definition that the plan was built from; another one would explain it wrongly.
pub(super) fn current_tool<'a>(plan: &Plan, snapshot: &'a Snapshot) -> Option<&'a Tool> {
    let found = snapshot.catalog.find(&plan.tool())?;
    Some(&**found).filter(|tool| plan.definition() == tool.definition().into())
}

fn current_account<'a>(plan: &Plan, snapshot: &'a Snapshot) -> Option<&'a Account> {
    let mut accounts = snapshot.accounts.iter().map(|account| &**account);
    accounts.find(|account| {
        account.integration == plan.integration()
            && account.id == plan.account_id()
            && account.name == plan.account()
            && account.origin == *plan.origin()
    })
}

/// How much of a habit it is.
pub(super) fn often(lately: Lately) -> String {
    let Lately { asked, approved, denied, ran } = lately;
    let times = |count: u32| if count == 1 { "once".to_owned() } else { format!("{count} times") };
    if asked == 0 {
        return "first time in 7 days for this tool, account and caller".to_owned();
    }
    format!("{} in the 7 days before: {approved} approved, {denied} denied, {ran} done", times(asked))
}

pub(super) fn whys(evaluation: &Evaluation) -> Vec<Why> {
    let place = |file: &str, line: usize| if line == 0 { file.to_owned() } else { format!("{file}, line {line}") };
    evaluation
        .reasons
        .iter()
        .map(|reason| Why {
            decision: reason.decision.as_str(),
            rule: Cell::line(&reason.rule),
            place: place(&reason.file, reason.line),
            text: reason.text.as_deref().map(Cell::text),
        })
        .collect()
}

#[cfg(test)]
mod tests;
