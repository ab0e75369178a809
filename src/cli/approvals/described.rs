//! An approval at the terminal: in a line, in full, and as JSON.

use serde_json::{Value, json};

use crate::{
    catalog::{SqlRequest, mail::Letter},
    cli::mail,
    clock::rfc3339,
    findings::{Findings, Found},
    gateway::{Parts, headline_text},
    ledger::{Approval, ApprovalStatus},
    plan::{Plan, Request},
    sql::{Class, Settings, Statement},
    visible::{visible, visible_lines},
};

pub(super) fn short(approval: &Approval) -> Value {
    json!({
        "id": approval.id,
        "status": approval.status,
        "tool": approval.tool,
        "caller": approval.caller,
        "summary": approval.summary,
        "created_at": rfc3339(approval.created_at),
        "expires_at": rfc3339(approval.expires_at),
        "record": approval.record,
    })
}

/// Who has said yes, and how many have to.
pub(super) fn yeses(approval: &Approval) -> String {
    let requirement = approval.requirement(None);
    let said = approval.approved_by(&requirement);
    let names: Vec<_> = said.iter().map(|yes| visible(&yes.name)).collect();
    let names = if names.is_empty() { "nobody yet".to_owned() } else { names.join(", ") };
    let lapsed: Vec<_> = approval.lapsed().map(|yes| visible(&yes.name)).collect();
    let lapsed = match lapsed.as_slice() {
        [] => String::new(),
        names => format!("; {} to facts that have changed since, which does not count", names.join(", ")),
    };
    format!("said yes: {names} ({} of {}){lapsed}", said.len(), requirement.approvers)
}

/// What the tool says of a request, where it is still the one that it was asked with.
#[derive(Default)]
pub(super) struct Explained {
    letter: Option<Letter>,
    words: Option<String>,
    undo: Option<String>,
    page: Option<String>,
}

pub(super) fn explained(parts: &Parts, approval: &Approval) -> Explained {
    let (Some(plan), Ok(snapshot)) = (&approval.plan, parts.snapshots.current()) else { return Explained::default() };
    let tool = snapshot.catalog.find(&plan.tool()).filter(|tool| plan.definition() == tool.definition().into());
    let page =
        snapshot.page(&format!("/approve/{}", approval.id)).filter(|_| approval.status == ApprovalStatus::Pending);
    let Some(tool) = tool else { return Explained { page, ..Explained::default() } };
    let letter = match plan.request() {
        Request::Http(request) => tool.letter(request),
        Request::Sql(_) => None,
    };
    Explained {
        letter,
        words: headline_text(tool, plan, approval.findings.as_ref()),
        undo: tool.ask.undo.clone(),
        page,
    }
}

pub(super) fn full(approval: &Approval, said: &Explained) -> Value {
    let mut value = short(approval);
    if let Value::Object(map) = &mut value {
        if let Some(plan) = &approval.plan {
            let request = match plan.request() {
                Request::Http(http) => json!(http),
                Request::Sql(sql) => json!(sql),
            };
            map.insert("account".to_owned(), json!(plan.account()));
            map.insert("environment".to_owned(), json!(plan.environment()));
            map.insert("origin".to_owned(), json!(plan.origin().as_str()));
            map.insert("effect".to_owned(), json!(plan.effect()));
            map.insert("arguments".to_owned(), json!(plan.given()));
            map.insert("request".to_owned(), request);
            if let Some(letter) = &said.letter {
                map.insert("mail".to_owned(), mail::as_json(letter));
            }
            map.insert("digest".to_owned(), json!(plan.digest()));
            map.insert("reason".to_owned(), json!(plan.reason()));
        }
        if let Some(findings) = &approval.findings {
            map.insert("facts".to_owned(), json!(findings));
        }
        map.insert("evaluation".to_owned(), json!(approval.evaluation));
        let yeses = approval.yeses.iter().map(|yes| json!({"person": yes.name, "at": rfc3339(yes.at)}));
        map.insert("approved_by".to_owned(), yeses.collect());
        map.insert("outcome".to_owned(), json!(approval.outcome.as_ref().map(|(outcome, _)| outcome)));
        map.insert("note".to_owned(), json!(approval.decision.as_ref().and_then(|decision| decision.note.clone())));
    }
    value
}

pub(super) fn listed(approvals: &[Approval]) -> String {
    if approvals.is_empty() {
        return "nothing waits and nothing was asked".to_owned();
    }
    let line = |approval: &Approval| {
        format!(
            "{}  {:<9}  {}  {}  {}",
            approval.id,
            approval.status,
            rfc3339(approval.created_at),
            approval.caller,
            approval.summary
        )
    };
    approvals.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// What was looked up for it, line by line.
fn looked_up(findings: &Findings) -> String {
    let mut text = format!("  looked up    {}\n", rfc3339(findings.at));
    for finding in &findings.all {
        match &finding.found {
            Found::Facts { shown, .. } => {
                for fact in shown {
                    text += &format!("    {}: {} = {}\n", finding.name, visible(&fact.label), fact.line());
                }
            }
            Found::Problem(problem) => {
                text += &format!("    {}: could not be looked up: {}\n", finding.name, visible(problem));
            }
        }
    }
    text
}

/// The statement over lines with its values in place, to be read beside the exact one.
fn with_values(sql: &SqlRequest) -> Option<String> {
    let statement = Statement::understand(sql.dialect, sql.statement.as_deref()?, Settings::usual(sql.dialect));
    let values: Vec<String> = sql.params.iter().map(|value| visible(&value.to_string())).collect();
    let lines = statement.ok()?.layout()?.with_values(&values);
    Some(lines.lines().fold("  in lines\n".to_owned(), |text, line| text + &format!("    {line}\n")))
}

/// The request as it will be sent.
fn requested(plan: &Plan) -> String {
    match plan.request() {
        Request::Http(request) => {
            let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
            let mut text = format!(
                "  request      {} {}{}{}\n",
                request.method.as_str(),
                plan.origin(),
                visible(&request.path),
                visible(&query)
            );
            if let Some(body) = &request.body {
                text += &format!("  body         {}\n", visible_lines(body));
            }
            text
        }
        Request::Sql(sql) => {
            let kind = sql.class.map_or(sql.operation.as_str(), Class::as_str);
            let mut text = format!("  database     {} {}\n", visible(plan.origin().as_str()), visible(&sql.database));
            if let Some(statement) = sql.statement.as_deref().or(sql.name.as_deref()) {
                text += &format!("  {kind:<12} {}\n", visible_lines(statement));
            }
            text += &with_values(sql).unwrap_or_default();
            for (index, value) in sql.params.iter().enumerate() {
                text += &format!("  value {:<6} {}\n", index + 1, visible(&value.to_string()));
            }
            text
        }
    }
}

/// Everything that is decided about, in an order in which one reads it.
pub(super) fn described(approval: &Approval, said: &Explained) -> String {
    let mut text = format!("{}  {}\n{}\n", approval.id, approval.status, approval.summary);
    if let Some(plan) = &approval.plan {
        text += &format!("  tool         {} ({})\n", plan.tool(), plan.effect());
        text += &format!(
            "  account      {}/{}, {}\n",
            plan.integration(),
            plan.account(),
            plan.environment().as_str().to_uppercase()
        );
        text += &format!(
            "  asked by     {} at {}, until {}\n",
            approval.caller,
            rfc3339(approval.created_at),
            rfc3339(approval.expires_at)
        );
        if let Some(words) = &said.words {
            text += &format!("  in words     {words}\n");
        }
        if let Some(undo) = &said.undo {
            text += &format!("  undo         {undo}\n");
        }
        if let Some(page) = &said.page {
            text += &format!("  page         {page}\n");
        }
        text += "  arguments\n";
        for (name, value) in plan.arguments().as_map() {
            text += &format!("    {} = {}\n", visible(name), visible(&value.to_string()));
        }
        text += &requested(plan);
        text += &approval.findings.as_ref().map(looked_up).unwrap_or_default();
        text += &said.letter.as_ref().map(mail::as_text).unwrap_or_default();
        if let Some(evaluation) = &approval.evaluation {
            for reason in &evaluation.reasons {
                let words = reason.text.as_deref().map_or_else(String::new, |words| format!("  {}", visible(words)));
                text += &format!("  {:<12} {} ({}){words}\n", reason.decision, reason.rule, reason.place());
            }
        }
        if let Some(reason) = plan.reason() {
            text += &format!("  the agent says, unverified: {}\n", visible(reason));
        }
    }
    if let Some((outcome, at)) = &approval.outcome {
        text += &format!("  outcome      {} at {}\n", outcome.as_str(), rfc3339(*at));
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::samples::{self, KINDS, calls, never_the_same};

    /// What the terminal shows of it, its digest left out: that is another one by itself.
    fn shown(name: &str, plan: &Plan) -> String {
        let letter = match plan.request() {
            Request::Http(request) => samples::tool(name).letter(request),
            Request::Sql(_) => None,
        };
        let stored = plan.store().unwrap();
        let approval = Approval {
            id: "apr_1".to_owned(),
            record: "rec_1".to_owned(),
            plan: Some(std::sync::Arc::new(Plan::load(&stored, plan.digest()).unwrap())),
            caller: "claude".to_owned(),
            tool: plan.tool(),
            evaluation: None,
            summary: String::new(),
            status: ApprovalStatus::Pending,
            created_at: 0,
            expires_at: 0,
            findings: None,
            delivered: false,
            reopened: false,
            yeses: Vec::new(),
            decision: None,
            outcome: None,
            pruned: false,
        };
        let text = described(&approval, &Explained { letter, ..Explained::default() });
        text.replace(&plan.digest().to_string(), "")
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]

        /// I11 on the terminal, as on the page.
        #[test]
        fn i11_two_different_plans_never_look_the_same_at_the_terminal(all in KINDS.map(calls)) {
            for (name, calls) in KINDS.into_iter().zip(&all) {
                never_the_same(name, calls, |plan| shown(name, plan))?;
            }
        }
    }
}
