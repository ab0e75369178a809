//! The story: what the agent asks, what becomes of it, and the check of each step against the stand-in's own books.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    agent::Agent,
    deciding::Ending,
    sandbox::{Authenticator, Sandbox},
    standin::{CHARGE, CHARGED, StandIn},
    teller::Teller,
};
use crate::{
    cli::Failure,
    config::Environment,
    gateway::Gateway,
    ledger::{Line, LineFilter},
    visible::visible,
};

/// Characters of a line of the log that fit beside the rest.
const SUMMARY: usize = 48;

/// Everybody in it.
pub(super) struct Story<'a> {
    sandbox: &'a Sandbox,
    pub(super) teller: &'a Teller<'a>,
    pub(super) environment: &'a Environment,
    pub(super) standin: &'a StandIn,
    pub(super) gateway: Arc<Gateway>,
    pub(super) authenticator: Authenticator,
    pub(super) unattended: bool,
    pub(super) facts: Vec<Value>,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        sandbox: &'a Sandbox,
        teller: &'a Teller<'a>,
        environment: &'a Environment,
        standin: &'a StandIn,
        gateway: Arc<Gateway>,
        authenticator: Authenticator,
        unattended: bool,
    ) -> Self {
        Self { sandbox, teller, environment, standin, gateway, authenticator, unattended, facts: Vec::new() }
    }

    /// What happened, for programs.
    pub(super) fn facts(self) -> Value {
        Value::Array(self.facts)
    }

    /// From the beginning to the end. `key` is what nobody may ever be told.
    pub(super) async fn tell(&mut self, key: &str) -> Result<(), Failure> {
        let teller = self.teller;
        teller.says("A made-up agent, a made-up Stripe, and the real agentport in between.");
        teller.because(&format!(
            "No account of yours is touched; all of it lives in {} until the end.",
            self.sandbox.folder().display()
        ));
        let mut agent = self.begin().await?;
        self.read(&mut agent).await?;
        let approval = self.ask(&mut agent).await?;
        let ending = self.decide(&mut agent, &approval).await?;
        self.repeat(&mut agent, &approval, ending).await?;
        self.forbidden(&mut agent).await?;
        agent.leave().await?;
        self.log().await?;
        self.secret(&agent, key)
    }

    async fn begin(&mut self) -> Result<Agent, Failure> {
        let teller = self.teller;
        teller.chapter(1, "The agent starts agentport, as OpenClaw or Claude Code would: over stdio, with MCP");
        let mut agent = Agent::start(self.sandbox).await?;
        let tools = agent.tools().await?;
        let has = |name: &str| tools.iter().any(|tool| tool == name);
        check(has("stripe_create_refund") && has("agentport_await_approval"), "the agent was not shown the tools")?;
        check(!has("stripe_create_payout"), "the agent was shown a tool that the policy always denies")?;
        teller.came(&format!("it sees {} typed tools, and no key", tools.len()));
        teller.because("The key of the stand-in lies in a vault, sealed to the one address it may be sent to.");
        self.facts.push(json!({"step": "start", "tools": tools.len()}));
        Ok(agent)
    }

    async fn read(&mut self, agent: &mut Agent) -> Result<(), Failure> {
        let teller = self.teller;
        teller.chapter(2, "It looks something up: stripe_list_customers");
        let answer = agent.call("stripe_list_customers", json!({})).await?;
        expect(&answer, "completed", "listing customers")?;
        let people = answer.pointer("/result/data").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<_> = people.filter_map(|person| person.get("name")?.as_str()).map(visible).collect();
        check(names.len() == 2, "the customers did not arrive")?;
        teller.came(&format!("completed: {}", names.join(", ")));
        teller.because("The policy lets reads run by themselves: nobody was bothered, and it is on record.");
        self.facts.push(json!({"step": "read", "status": "completed"}));
        Ok(())
    }

    /// The call that needs a human. Its answer's approval.
    async fn ask(&mut self, agent: &mut Agent) -> Result<Value, Failure> {
        let teller = self.teller;
        teller.chapter(3, "It wants to move money: stripe_create_refund, $42.00");
        let answer = agent.call("stripe_create_refund", refund()).await?;
        expect(&answer, "approval_required", "the refund")?;
        let approval = answer.get("approval").cloned().unwrap_or_default();
        check(self.standin.refunds() == 0, "a refund reached the stand-in before anybody had approved it")?;
        teller.came("approval_required: nothing was sent. The agent got a link for a human instead:");
        teller.says(&format!("  {}", visible(text(&approval, "/url"))));
        let again = agent.call("stripe_create_refund", refund()).await?;
        let same = again.pointer("/approval/id") == approval.get("id") && approval.get("id").is_some();
        check(same, "the same call, asked again, did not wait under the same approval")?;
        teller.because("The stand-in has 0 refunds. The agent asked a second time and got the same link.");
        self.facts.push(json!({"step": "ask", "status": "approval_required", "approval": approval}));
        Ok(approval)
    }

    /// The same call once more: never a second refund by itself.
    async fn repeat(&mut self, agent: &mut Agent, approval: &Value, ending: Ending) -> Result<(), Failure> {
        let before = self.standin.refunds();
        let answer = agent.call("stripe_create_refund", refund()).await?;
        match ending {
            Ending::Approved => {
                expect(&answer, "approval_required", "the repeated refund")?;
                check(answer.pointer("/approval/id") != approval.get("id"), "one yes was offered for a second refund")?;
                let id = answer.pointer("/approval/id").cloned().unwrap_or_default();
                let withdrawn = agent.call("agentport_withdraw_approval", json!({"approval_id": id})).await?;
                expect(&withdrawn, "cancelled", "the withdrawn refund")?;
                self.teller.because("One yes, one refund: the same call again needs a new yes. The agent withdrew it.");
            }
            Ending::Denied => {
                expect(&answer, "denied", "the repeated refund")?;
                self.teller.because("Asking again does not help: your no stands.");
            }
        }
        check(self.standin.refunds() == before, "the repeated call moved money")?;
        self.facts.push(json!({"step": "repeat", "status": answer.get("status"), "refunds": before}));
        Ok(())
    }

    async fn forbidden(&mut self, agent: &mut Agent) -> Result<(), Failure> {
        let teller = self.teller;
        teller.chapter(5, "It tries what is forbidden: stripe_create_payout");
        let answer = agent.call("stripe_create_payout", json!({"amount": 125_000, "currency": "usd"})).await?;
        expect(&answer, "denied", "the payout")?;
        check(text(&answer, "/by") == "policy", "the payout was denied, but not by the policy")?;
        let sent = self.standin.arrived().iter().any(|arrived| arrived.contains("payouts"));
        check(!sent, "the denied payout reached the stand-in")?;
        teller.came(&format!(
            "denied by the policy ({}); nothing was sent, and no link to talk anybody into",
            visible(text(&answer, "/rule"))
        ));
        self.facts.push(json!({"step": "forbidden", "status": "denied", "by": "policy"}));
        Ok(())
    }

    async fn log(&mut self) -> Result<(), Failure> {
        let teller = self.teller;
        teller.chapter(6, "The log, oldest first (agentport log list, agentport log verify)");
        let parts = self.gateway.open_parts()?;
        let mut lines = parts.home.lines(LineFilter::default()).await?;
        lines.reverse();
        for line in &lines {
            teller.says(&shown(line));
        }
        let verified = parts.home.verify().await?;
        let verified =
            verified.map_err(|bad| Failure::new(format!("the log does not verify: {}", visible(&bad.to_string()))))?;
        teller.came(&format!("{} records, each chained to the one before: none changed", verified.records));
        self.facts.push(json!({"step": "log", "records": verified.records, "verified": true}));
        Ok(())
    }

    fn secret(&mut self, agent: &Agent, key: &str) -> Result<(), Failure> {
        let (messages, all) = agent.received();
        check(!all.contains(key), "the key appeared in what the agent received")?;
        self.teller.came(&format!("the key appeared in none of the {messages} messages that the agent received"));
        self.facts.push(json!({"step": "secret", "messages": messages, "appeared": false}));
        Ok(())
    }
}

fn refund() -> Value {
    json!({
        "charge": CHARGE, "amount": CHARGED, "reason": "requested_by_customer",
        "_reason": "The parcel never came",
    })
}

fn shown(line: &Line) -> String {
    let time: String = line.at.chars().skip(11).take(8).collect();
    let what = match line.body.get("summary").and_then(Value::as_str) {
        // it was made visible when it was made
        Some(summary) => summary.to_owned(),
        None => visible(&line.tool),
    };
    let what = match what.char_indices().nth(SUMMARY) {
        Some((end, _)) => format!("{}…", what.get(..end).unwrap_or_default()),
        None => what,
    };
    let who = if line.caller.is_empty() { "-" } else { &line.caller };
    format!("{time}  {:<17} {:<10}  {what}", visible(&line.status), visible(who))
}

pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn expect(answer: &Value, status: &str, what: &str) -> Result<(), Failure> {
    let found = text(answer, "/status");
    let message = format!("{what} should have been `{status}`, and was `{}`", visible(found));
    check(found == status, &message)
}

pub(super) fn check(behaved: bool, otherwise: &str) -> Result<(), Failure> {
    if behaved { Ok(()) } else { Err(Failure::new(format!("the demo did not behave: {otherwise}"))) }
}
