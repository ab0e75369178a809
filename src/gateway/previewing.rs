//! What the gateway looks up by itself, for an approver, and before that for a policy whose rules go by facts: each a read
//! of the caller `agentport`, judged by the policy, admitted and recorded like every other read, under the credential that
//! the call would use.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde_json::{Map, Value, json};

use super::{DecideError, Gateway, Parts, foreseeing};
use crate::{
    account::Account,
    call::{Call, Caller},
    catalog::{
        EVERYTHING, FIELDS, Tool,
        ask::{Path, Preview, Show, ShowUnit, Source, shown_at, value_at},
    },
    findings::{Difference, Fact, Finding, Findings, Found, Holds, Meaning},
    ledger::{Admission, Admit, Approval, ApprovalStatus, Outcome},
    plan::Plan,
    policy::{self, Decision, Evaluation},
    snapshot::Snapshot,
};

/// How long all reads together may take. An approver waits for them.
const PATIENCE: Duration = Duration::from_secs(10);
/// Facts of this age, in milliseconds, are looked up again when a page is opened.
const FRESH: i64 = 30_000;

impl Gateway {
    /// What the verdict on a call goes by, where rules that could apply to it name facts; of every other call nothing is
    /// looked up before it is judged.
    pub(super) async fn deciding_facts(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        snapshot: &Snapshot,
        tool: &Tool,
        plan: &Plan,
    ) -> Option<Findings> {
        let facts = policy::Facts::of_plan(tool, plan, self.clock.now().wall);
        let wanted = snapshot.settings.look_up && !snapshot.policy.deciding_facts(&facts).is_empty();
        if wanted { Some(self.look_up(parts, snapshot, tool, plan).await) } else { None }
    }

    /// Looks up what an approver has to know and keeps it with the approval. A task of its own: the agent's answer does
    /// not wait for it.
    pub(super) fn look_up_later(self: &Arc<Self>, parts: &Arc<Parts>, snapshot: &Arc<Snapshot>, approval: &Approval) {
        let Some((tool, plan)) = asked(snapshot, approval).filter(|_| approval.findings.is_none()) else { return };
        let (gateway, parts, snapshot, id) =
            (Arc::clone(self), Arc::clone(parts), Arc::clone(snapshot), approval.id.clone());
        // not among what is waited for at the end: it changes nothing, and the next one who looks makes up for it
        tokio::spawn(async move {
            let findings = gateway.look_up(&parts, &snapshot, &tool, &plan).await;
            if let Err(error) = parts.ledger.note_findings(&id, &findings, gateway.clock.now()).await {
                tracing::warn!("{error}");
            }
        });
    }

    /// An approval as a human is shown it: what is old of its facts is looked up again.
    ///
    /// # Errors
    /// The home or the ledger cannot be used. A read that fails is no error: it says so among the facts.
    pub async fn fresh(self: &Arc<Self>, approval: Approval) -> Result<Approval, DecideError> {
        let parts = self.open_parts()?;
        let snapshot = parts.snapshots.current().map_err(|error| DecideError::Home(error.to_string()))?;
        let age = approval.findings.as_ref().map(|findings| self.clock.now().wall - findings.at);
        let is_fresh = age.is_some_and(|age| (0..FRESH).contains(&age));
        let Some((tool, plan)) = asked(&snapshot, &approval).filter(|_| !is_fresh) else { return Ok(approval) };
        let findings = self.look_up(&parts, &snapshot, &tool, &plan).await;
        parts.ledger.note_findings(&approval.id, &findings, self.clock.now()).await?;
        Ok(Approval { findings: Some(findings), ..approval })
    }

    /// Did the human see what was looked up last? `seen` names what their page showed.
    ///
    /// # Errors
    /// They did not; nothing was sent.
    pub async fn has_seen(&self, id: &str, seen: &str) -> Result<(), DecideError> {
        let parts = self.open_parts()?;
        let approval = parts.ledger.approval(id).await?.ok_or(DecideError::NotFound)?;
        let shown = approval.shown_digest().map(|digest| digest.to_string());
        if approval.status == ApprovalStatus::Pending && shown.as_deref() != Some(seen) {
            return Err(DecideError::FactsChanged("this page is older than what was looked up last".to_owned()));
        }
        Ok(())
    }

    /// At the yes: what was shown is looked up once more, and if any of it is not what it was, the yes is not taken. What
    /// cannot be looked up now is no change: a read that fails decides nothing. Returns what was shown, with what the same
    /// looks find now for policies to compare.
    pub(super) async fn still_true(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        snapshot: &Snapshot,
        approval: &Approval,
    ) -> Result<Option<Findings>, DecideError> {
        let (Some((tool, plan)), Some(shown)) = (asked(snapshot, approval), &approval.findings) else {
            return Ok(approval.findings.clone());
        };
        let findings = self.look_up(parts, snapshot, &tool, &plan).await;
        let known = |findings: &Findings, name: &str| {
            findings.all.iter().any(|one| one.name == name && matches!(one.found, Found::Facts { .. }))
        };
        let both = Findings {
            at: shown.at,
            all: shown.all.iter().filter(|one| known(&findings, &one.name)).cloned().collect(),
        };
        let again = Findings {
            at: findings.at,
            all: findings.all.iter().filter(|one| known(&both, &one.name)).cloned().collect(),
        };
        let differences = again.differences(&both);
        if differences.is_empty() {
            return Ok(Some(shown.updated(&findings)));
        }
        parts.ledger.note_findings(&approval.id, &findings, self.clock.now()).await?;
        Err(DecideError::FactsChanged(differences.iter().map(words).collect::<Vec<_>>().join("; ")))
    }

    /// All reads of a tool's previews, one after the other: later ones use what earlier ones found.
    async fn look_up(self: &Arc<Self>, parts: &Arc<Parts>, snapshot: &Snapshot, tool: &Tool, plan: &Plan) -> Findings {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let mut scope = Scope { plan, found: BTreeMap::new(), recipient: None };
        let mut all: Vec<Finding> = Vec::new();
        for preview in &tool.ask.previews {
            let wanted = preview.when.as_ref().is_none_or(|when| !plan.arguments().given(when).is_empty());
            // where the service says that there is none, such as a charge without a customer, there is nothing to look up
            let none = preview.args.iter().any(|(_, source)| scope.is_none(source));
            if !wanted || none || scope.found.contains_key(&preview.name) {
                continue;
            }
            let source = format!("{}.{}", plan.integration(), preview.call);
            if preview.each_recipient {
                let found = self.contacts(parts, snapshot, tool, preview, plan, deadline).await;
                all.extend(found.map(|found| Finding { name: preview.name.clone(), source, found }));
                continue;
            }
            let read = self.read(parts, snapshot, preview, &scope);
            let answer = tokio::time::timeout_at(deadline, read)
                .await
                .unwrap_or_else(|_| Err("the service did not answer in time".to_owned()));
            let found = match &answer {
                Ok(answer) => {
                    let shown = preview.show.iter().filter_map(|show| scope.fact(show, answer)).collect();
                    Found::facts(shown, answer.clone())
                }
                Err(why) => Found::Problem(why.clone()),
            };
            all.push(Finding { name: preview.name.clone(), source, found });
            if let Ok(answer) = answer {
                scope.found.insert(preview.name.clone(), answer);
            }
        }
        if tool.executes_statements() {
            let patience = tokio::time::timeout_at(deadline, self.foresee(parts, snapshot, tool, plan)).await;
            all.extend(patience.unwrap_or_else(|_| {
                let (name, source) = (foreseeing::NAME.to_owned(), format!("{}.preview", plan.integration()));
                let found = Found::Problem("the database did not answer in time".to_owned());
                Some(Finding { name, source, found })
            }));
        }
        Findings { at: self.clock.now().wall, all }
    }

    pub(super) async fn read(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        snapshot: &Snapshot,
        preview: &Preview,
        scope: &Scope<'_>,
    ) -> Result<Value, String> {
        let plan = scope.plan;
        let tool = snapshot.catalog.find(&format!("{}.{}", plan.integration(), preview.call));
        let tool = tool.ok_or("there is no such read")?;
        let account = account_of(snapshot, plan).ok_or("the account is not the one that this was asked with")?;
        let mut arguments = Map::new();
        for (name, source) in &preview.args {
            let value = match source {
                Source::Literal(value) => value.clone(),
                Source::Recipient { after } => {
                    let address = scope.recipient.filter(|address| is_plain(address));
                    json!(format!("{after}{}", address.ok_or("an address of unusual letters cannot be searched for")?))
                }
                Source::At(path) => scope.value(path).cloned().ok_or("what it needs is not known")?,
            };
            arguments.insert(name.clone(), value);
        }
        if tool.params.iter().any(|param| param.name == FIELDS) {
            arguments.insert(FIELDS.to_owned(), json!([EVERYTHING]));
        }
        let call = Call::parse(tool, arguments, &Caller::agentport(), &[Arc::clone(account)])
            .map_err(|_| "what it needs does not fit the read".to_owned())?;
        let read = Plan::build(&call).map_err(|_| "the read cannot be built".to_owned())?;
        let now = self.clock.now();
        let evaluation = snapshot.policy.evaluate(&policy::Facts::of_plan(tool, &read, now.wall));
        if evaluation.decision != Decision::Allow {
            return Err(format!("the policy does not allow this read (`{}`)", evaluation.rule()));
        }
        self.own_read(parts, &call, account, evaluation, format!("Look up {}", preview.name)).await
    }

    /// A read of the product's own, like every other one: admitted, recorded, sent once.
    pub(super) async fn own_read(
        self: &Arc<Self>,
        parts: &Arc<Parts>,
        call: &Call,
        account: &Account,
        evaluation: Evaluation,
        summary: String,
    ) -> Result<Value, String> {
        let read = Plan::build(call).map_err(|_| "the read cannot be built".to_owned())?;
        let opened = parts.credentials.open_for_read(&read, account).await;
        let credential = opened.map_err(|error| error.to_string())?;
        let slot = self.sending.slot().map_err(|_| "too many calls are being sent".to_owned())?;
        let admit = Admit {
            findings: None,
            summary,
            plan: Arc::new(read),
            key: call.key(),
            evaluation,
            expires_in: 0,
            max_pending: 0,
            hourly: 0,
        };
        let admission = parts.ledger.admit(admit, self.clock.now()).await.map_err(|error| error.to_string())?;
        let Admission::Permit(permit) = admission else { return Err("the read was not admitted".to_owned()) };
        match self.execute(parts, permit, credential, slot).await {
            Outcome::Succeeded { result, truncated: false, .. } => Ok(result),
            Outcome::Succeeded { .. } => Err("the answer is too large".to_owned()),
            Outcome::Failed { message, .. } | Outcome::Unknown { message, .. } => Err(message),
        }
    }
}

/// What previews are filled from: the plan, and what was found so far.
pub(super) struct Scope<'a> {
    plan: &'a Plan,
    found: BTreeMap<String, Value>,
    /// Of whom one look of several is.
    recipient: Option<&'a str>,
}

impl<'a> Scope<'a> {
    /// For the look of one recipient, which goes by nothing else.
    pub(super) fn of_recipient(plan: &'a Plan, recipient: &'a str) -> Self {
        Self { plan, found: BTreeMap::new(), recipient: Some(recipient) }
    }

    fn value(&self, path: &Path) -> Option<&Value> {
        match path {
            Path::Argument(path) => self.plan.arguments().given(path).into_iter().next(),
            Path::Fact { of, at } => value_at(self.found.get(of)?, at).filter(|value| !value.is_null()),
        }
    }

    /// Is it of a look that found something, and not in it?
    fn is_none(&self, source: &Source) -> bool {
        match source {
            Source::At(Path::Fact { of, at }) => {
                self.found.get(of).is_some_and(|answer| value_at(answer, at).is_none_or(Value::is_null))
            }
            Source::At(Path::Argument(_)) | Source::Literal(_) | Source::Recipient { .. } => false,
        }
    }

    /// A line; none where the answer does not say.
    fn fact(&self, show: &Show, answer: &Value) -> Option<Fact> {
        let value = shown_at(answer, &show.field).filter(|value| !value.is_null())?;
        let (value, meaning) = match (&show.unit, value) {
            (Some(ShowUnit::Minor(currency)), value) => {
                let currency = value_at(answer, currency).and_then(Value::as_str);
                (value, currency.map_or(Meaning::Plain, |code| Meaning::Money(code.to_owned())))
            }
            (Some(ShowUnit::Date), value) => (value, Meaning::Time),
            (Some(ShowUnit::Count), Value::Array(items)) => (json!(items.len()), Meaning::Plain),
            (Some(ShowUnit::Count) | None, value) => (value, Meaning::Plain),
        };
        let becomes = show.becomes.as_ref().and_then(|path| self.plan.arguments().given(path).into_iter().next());
        Some(Fact { label: show.label.clone(), value, meaning, then: becomes.cloned(), holds: Holds::Exactly })
    }
}

/// Nothing in it means anything to a search but its letters.
fn is_plain(address: &str) -> bool {
    address.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@._+-".contains(&byte)) && !address.starts_with('-')
}

fn words(difference: &Difference) -> String {
    let said = |side: &Option<String>| side.clone().unwrap_or_else(|| "not there".to_owned());
    format!("{}: was {}, is {}", difference.what, said(&difference.before), said(&difference.after))
}

/// The tool and the plan of a waiting approval about which something can be looked up.
fn asked(snapshot: &Snapshot, approval: &Approval) -> Option<(Arc<Tool>, Arc<Plan>)> {
    let waits = snapshot.settings.look_up && approval.status == ApprovalStatus::Pending;
    let plan = approval.plan.as_ref().filter(|_| waits)?;
    let tool = snapshot.catalog.find(&plan.tool())?;
    let same = plan.definition() == tool.definition().into() && tool.is_looked_up();
    same.then(|| (Arc::clone(tool), Arc::clone(plan)))
}

pub(super) fn account_of<'a>(snapshot: &'a Snapshot, plan: &Plan) -> Option<&'a Arc<Account>> {
    snapshot.accounts.iter().find(|account| {
        account.integration == plan.integration()
            && account.name == plan.account()
            && account.id == plan.account_id()
            && account.origin == *plan.origin()
    })
}
