//! What every store of the ledger must do, told as stories over the trait: `story!(make)` makes one test of each, and
//! `make` gives a fresh [`Stage`] each time. SQLite runs it with two handles on one file; the next store does the same.

mod answers;
mod calls;
mod clocks;
mod codes;
mod limits;
mod races;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use async_trait::async_trait;
use serde_json::{Map, Value, json};

pub(crate) use self::{answers::*, calls::*, clocks::*, codes::*, limits::*, races::*};
use super::{Admission, Admit, Answer, Approval, ApprovalStatus, Decided, Ledger, Outcome, Permit};
use crate::{
    account::{Account, Environment, Identity, Origin},
    approval::{Approver, Claim, Code, FactorId, PersonId, RecoveryHash, prove},
    call::{Call, Caller},
    catalog::Catalog,
    clock::{Millis, Now},
    plan::{Digest, Plan},
    policy::{Decision, Evaluation, Reason, Requirement, Use},
};

/// A fresh store, and what the stories need of it beside the trait.
#[async_trait]
pub(crate) trait Stage: Send + Sync {
    /// Several handles of the one store, as several processes have them.
    fn handles(&self) -> Vec<Arc<dyn Ledger>>;
    /// Enrols a factor with these recovery codes.
    async fn enrol(&self, factor: FactorId, recovery: Vec<RecoveryHash>);
    /// Fails where what is stored does not hang together.
    async fn check(&self);
    /// How many records there are.
    async fn records(&self) -> u64;
}

/// One test of each story, over the stage that `$make` gives.
macro_rules! story {
    ($make:path) => {
        $crate::ledger::conformance::story! { @ $make;
            an_allowed_call_is_one_permit,
            what_does_not_run_is_recorded_and_has_no_permit,
            nobody_is_asked_while_nobody_can_approve,
            waiting_approvals_of_one_caller_are_limited,
            t104_only_the_same_call_finds_its_approval,
            t105_an_approval_is_one_permit_and_its_outcome_one_answer,
            what_await_delivered_is_not_given_to_a_repeat,
            an_outcome_waits_a_day_for_its_repeat,
            t118_a_denial_stands_until_it_is_lifted_or_over,
            t121_a_yes_against_the_policy_spends_nothing,
            a_proof_is_for_one_approval_and_one_plan,
            t119_one_proof_takes_what_was_ticked_and_never_what_is_destructive,
            t054_a_yes_is_for_the_facts_that_were_shown,
            what_was_ended_without_a_decision_cannot_be_approved,
            t108_the_last_millisecond_counts_and_the_next_does_not,
            t109_the_earlier_of_both_clocks_ends_the_waiting,
            t109_nothing_is_approved_while_the_clock_stands_before_the_last_record,
            t243_the_order_of_records_is_not_the_clocks,
            t130_t139_a_code_is_taken_once,
            t131_five_tries_then_a_lock_that_grows,
            t131_a_lock_is_no_longer_than_a_day_whatever_the_clock_did,
            t106_one_approval_is_one_permit_for_many_at_once,
            t106_many_asks_at_once_are_one_approval,
            t106_many_settlements_are_one_outcome,
            t107_approve_and_deny_at_once_have_one_winner,
            t107_approve_and_expire_at_once_have_one_winner,
            t130_one_code_for_two_approvals_at_once_decides_one,
            t131_many_tries_at_once_count_one_by_one,
            t239_refusals_are_recorded_up_to_a_bound,
            t119_questions_are_limited_by_the_hour,
            over_a_limit_an_allowed_call_asks_and_the_record_says_why,
            t287_reads_are_counted_too,
            a_failed_call_gives_back_what_it_had_reserved,
            a_clock_that_is_set_gives_nothing_back_early,
            t094_calls_that_come_at_once_never_use_a_limit_twice,
        }
    };
    (@ $make:path; $($story:ident),* $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $story() {
                $crate::ledger::conformance::$story(&$make().await).await;
            }
        )*
    };
}
pub(crate) use story;

/// When every story begins.
pub(crate) const BEGIN: Millis = 1_800_000_000_000;
/// How long its approvals wait.
pub(crate) const WAITS: Millis = 3_600_000;
/// How many recovery codes a stage has.
const CODES: u32 = 60;

/// The embedded catalog, compiled once.
pub(crate) static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| Arc::new(Catalog::without_previews()));

/// So many milliseconds after the beginning, on both clocks.
pub(crate) fn at(millis: Millis) -> Now {
    Now { wall: BEGIN + millis, boot: millis, boot_id: 1 }
}

/// A call that somebody wants to make.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    tool: &'static str,
    arguments: Map<String, Value>,
    caller: &'static str,
    decision: Decision,
    max_pending: u32,
    hourly: u32,
    uses: Vec<Use>,
}

/// A refund, which the policy asks about. Another amount is another call.
pub(crate) fn refund(amount: u32) -> Wish {
    let arguments = json!({"charge": "ch_1", "amount": amount});
    let arguments = arguments.as_object().unwrap().clone();
    Wish {
        tool: "stripe.create_refund",
        arguments,
        caller: "local",
        decision: Decision::Ask,
        max_pending: 50,
        hourly: 1000,
        uses: Vec::new(),
    }
}

/// A write, which the policy asks about.
pub(crate) fn customer(name: &str) -> Wish {
    let arguments = Map::from_iter([("name".to_owned(), json!(name))]);
    Wish { tool: "stripe.create_customer", arguments, ..refund(1) }
}

/// A read, which the policy allows.
pub(crate) fn balance() -> Wish {
    let decision = Decision::Allow;
    Wish {
        tool: "stripe.get_balance",
        arguments: Map::new(),
        caller: "local",
        decision,
        max_pending: 50,
        hourly: 1000,
        uses: Vec::new(),
    }
}

impl Wish {
    /// By another caller.
    pub(crate) fn by(self, caller: &'static str) -> Self {
        Self { caller, ..self }
    }

    /// With another answer of the policy.
    pub(crate) fn judged(self, decision: Decision) -> Self {
        Self { decision, ..self }
    }

    /// With another number of approvals that may wait.
    pub(crate) fn at_most(self, max_pending: u32) -> Self {
        Self { max_pending, ..self }
    }

    /// With another number of approvals that may be asked for in an hour.
    pub(crate) fn hourly(self, hourly: u32) -> Self {
        Self { hourly, ..self }
    }

    /// Using so much of limits.
    pub(crate) fn using(self, uses: Vec<Use>) -> Self {
        Self { uses, ..self }
    }

    /// With one more argument.
    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.arguments.insert(name.to_owned(), value);
        self
    }

    /// As the ledger is given it.
    pub(crate) fn admit(self) -> Admit {
        let tool = CATALOG.find(self.tool).unwrap();
        let caller = Caller::parse(self.caller).unwrap();
        let call = Call::parse(tool, self.arguments, &caller, &[account()]).unwrap();
        Admit {
            plan: Arc::new(Plan::build(&call).unwrap()),
            key: call.key(),
            evaluation: Evaluation { uses: self.uses, ..evaluation(self.decision) },
            findings: None,
            summary: tool.title.clone(),
            expires_in: WAITS,
            max_pending: self.max_pending,
            hourly: self.hourly,
        }
    }
}

/// The account that every call is made with.
pub(crate) fn account() -> Arc<Account> {
    Arc::new(Account {
        integration: "stripe".to_owned(),
        name: "default".to_owned(),
        id: "acc_1".to_owned(),
        origin: Origin::parse("https://api.stripe.com", false).unwrap(),
        environment: Environment::Test,
        identity: Identity::default(),
        settings: BTreeMap::new(),
        connected_at: BEGIN,
    })
}

/// What a policy would say.
pub(crate) fn evaluation(decision: Decision) -> Evaluation {
    let reason = Reason { decision, file: "policy.toml".into(), line: 1, rule: "a-rule".into(), text: None };
    let requirement = Requirement::default();
    Evaluation {
        decision,
        reasons: vec![reason],
        requirement,
        uses: Vec::new(),
        facts: Vec::new(),
        policy: Digest::from([9; 32]),
    }
}

/// How a call ends well.
pub(crate) fn done(result: &str) -> Outcome {
    Outcome::Succeeded { result: json!({"id": result}), http_status: Some(200), truncated: false, next: None }
}

/// A recovery code of its own for each number.
pub(crate) fn letters(number: u32) -> String {
    let digits = format!("{number:016}");
    digits.bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

/// What is stored of them.
pub(crate) fn recovery_hashes(numbers: std::ops::Range<u32>) -> Vec<RecoveryHash> {
    numbers.map(|number| RecoveryHash::of(&letters(number))).collect()
}

/// A human with a recovery code.
pub(crate) fn human(claim: Claim, code: u32) -> Approver {
    prove(claim, &Code::parse(&letters(code)).unwrap(), &PersonId::owner(), &[], at(0)).unwrap()
}

/// A yes to an approval, with a code.
pub(crate) fn yes(approval: &Approval, code: u32) -> Answer {
    let digest = approval.shown_digest().unwrap();
    Answer::Approve(human(Claim::Approve { approval: approval.id.clone(), digest }, code))
}

/// A no.
pub(crate) fn no() -> Answer {
    Answer::Deny { note: Some("not this one".to_owned()) }
}

/// The factor that [`enrol`] enrols.
pub(crate) fn factor() -> FactorId {
    FactorId("fac_1".to_owned())
}

/// The handles of a stage at which a human can approve.
async fn enrol(stage: &impl Stage) -> Vec<Arc<dyn Ledger>> {
    stage.enrol(factor(), recovery_hashes(0..CODES)).await;
    stage.handles()
}

/// The one permit of an allowed call.
pub(crate) async fn permitted(ledger: &dyn Ledger, wish: Wish, now: Now) -> Permit {
    match ledger.admit(wish.admit(), now).await.unwrap() {
        Admission::Permit(permit) => permit,
        other => panic!("no permit: {other:?}"),
    }
}

/// The approval that a call waits for.
pub(crate) async fn asked(ledger: &dyn Ledger, wish: Wish, now: Now) -> Approval {
    match ledger.admit(wish.admit(), now).await.unwrap() {
        Admission::Pending(approval) if approval.status == ApprovalStatus::Pending => *approval,
        other => panic!("it does not wait: {other:?}"),
    }
}

/// What became of an answer.
pub(crate) async fn decide(ledger: &dyn Ledger, approval: &Approval, answer: Answer, now: Now) -> Decided {
    ledger.decide(&approval.id, answer, &evaluation(Decision::Ask), now).await.unwrap()
}

/// The permit of an approved call.
pub(crate) async fn approved(ledger: &dyn Ledger, approval: &Approval, code: u32, now: Now) -> Permit {
    match decide(ledger, approval, yes(approval, code), now).await {
        Decided::Permit(permit) => permit,
        other => panic!("not approved: {other:?}"),
    }
}

/// Where an approval stands.
pub(crate) async fn status(ledger: &dyn Ledger, id: &str) -> ApprovalStatus {
    ledger.approval(id).await.unwrap().unwrap().status
}
