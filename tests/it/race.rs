//! Processes that race for one home: whatever the order, an approved call is one request, and any other is none.

use std::collections::BTreeMap;

use agentport::{
    clock::SteppingClock,
    ledger::{ApprovalStatus, Ledger as _},
};
use serde_json::{Value, json};

use super::{
    harness::{Scene, keep_vault_key},
    processes::{BEGIN, Ground, Process, Program, letters, real_clock},
};

const ROUNDS: u32 = 1_000;
const HOUR: i64 = 3_600_000;

/// What a round's processes do at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Round {
    /// All say yes, each with a code of its own.
    Yes,
    /// All say yes with the same code.
    SameCode,
    /// Two say yes, two say no.
    YesAndNo,
    /// Two say yes in the last millisecond, two a millisecond later.
    Expiry,
    /// One says yes, the agent calls again and again.
    Retry,
    /// One says no, the agent calls again and again.
    NoAndRetry,
    /// Two say yes to one, two to another, with one code.
    TwoForOneCode,
}

const KINDS: [Round; 7] = [
    Round::Yes,
    Round::SameCode,
    Round::YesAndNo,
    Round::Expiry,
    Round::Retry,
    Round::NoAndRetry,
    Round::TwoForOneCode,
];

#[tokio::test]
async fn t106_i2_a_thousand_rounds_of_four_processes_send_each_approved_call_once() {
    let ground = Ground::new(ROUNDS * 4, &SteppingClock::starting_at(BEGIN)).await;
    let mut processes: Vec<Process> = (0..4).map(|_| ground.child()).collect();
    let mut ends = BTreeMap::new();
    for (number, kind) in (0..ROUNDS).zip(KINDS.into_iter().cycle()) {
        let now = BEGIN + 2 * HOUR * i64::from(number);
        let asker = usize::try_from(number).unwrap() % processes.len();
        let mut ask = |amount: u32| {
            let answer = processes[asker].ask(&json!({"do": "refund", "amount": amount, "at": now}));
            assert_eq!(answer["status"], "approval_required", "{kind:?}: {answer}");
            answer["approval"]["id"].as_str().unwrap().to_owned()
        };
        let id = ask(number + 1);
        let second = (kind == Round::TwoForOneCode).then(|| ask(number + 1_000_001));
        for (index, process) in (0_u32..).zip(&mut processes) {
            let yes = |id: &str, code: u32, at: i64| json!({"do": "approve", "id": id, "code": code, "at": at});
            let no = json!({"do": "deny", "id": id, "at": now});
            let again = json!({"do": "refund", "amount": number + 1, "at": now});
            let own = number * 4 + index;
            process.tell(&match (kind, index) {
                (Round::Yes, _) | (Round::Retry, 0) => yes(&id, own, now),
                // each of the two is told first in half of the rounds
                (Round::YesAndNo, index) if index % 2 == number % 2 => yes(&id, own, now),
                (Round::SameCode, _) | (Round::TwoForOneCode, 0 | 1) => yes(&id, number * 4, now),
                (Round::TwoForOneCode, _) => yes(second.as_ref().unwrap(), number * 4, now),
                (Round::Expiry, 0 | 1) => yes(&id, own, now + HOUR - 1),
                (Round::Expiry, _) => yes(&id, own, now + HOUR),
                (Round::YesAndNo, _) | (Round::NoAndRetry, 0) => no,
                (Round::Retry | Round::NoAndRetry, _) => again,
            });
        }
        let answers: Vec<Value> = processes.iter_mut().map(Process::hear).collect();
        let sent = answers.iter().filter(|answer| answer["sent"] == "succeeded").count();
        let denied = answers.iter().filter(|answer| answer["denied"] == true).count();
        let won = match kind {
            Round::Yes | Round::SameCode | Round::Retry | Round::TwoForOneCode => sent == 1,
            Round::YesAndNo => sent + denied == 1,
            Round::Expiry => sent <= 1,
            Round::NoAndRetry => (sent, denied) == (0, 1),
        };
        assert!(won, "round {number}, {kind:?}: {answers:?}");
        let requests = ground.service.count(&id) + second.as_ref().map_or(0, |second| ground.service.count(second));
        assert_eq!(usize::try_from(requests).unwrap(), sent, "round {number}, {kind:?}: {answers:?}");
        *ends.entry((kind, sent)).or_insert(0) += 1;
    }
    processes.into_iter().for_each(Process::end);

    // the log says the same as the service, approval by approval
    let mut requests = ground.service.seen();
    let approvals = ground.ledger.recent_approvals(u32::MAX).await.unwrap();
    assert!(approvals.len() >= usize::try_from(ROUNDS).unwrap());
    for approval in approvals {
        let expected = (approval.status == ApprovalStatus::Executed).then_some(1);
        assert_eq!(requests.remove(&approval.id), expected, "{} is {}", approval.id, approval.status);
    }
    assert_eq!(requests, BTreeMap::new(), "requests of no approval");
    ground.verified().await;
    // both ends of a race that can end either way were seen, or it was none
    assert!(ends.contains_key(&(Round::YesAndNo, 0)) && ends.contains_key(&(Round::YesAndNo, 1)), "{ends:?}");
}

#[tokio::test]
async fn t094_four_processes_together_stay_within_the_limits_of_a_rule() {
    let policy = "schema = 1\n[[rule]]\nid = \"small\"\ntools = [\"stripe.create_refund\"]\ndecision = \"allow\"\n\
                  limit = [{ count = 10, per = \"1h\" }, { sum = \"amount\", max = 5000, per = \"1d\" }]\n";
    let ground = Ground::with_policy(1, &SteppingClock::starting_at(BEGIN), policy).await;
    let mut processes: Vec<Process> = (0..4).map(|_| ground.child()).collect();
    // (when, how much each is, how many of them there is room for by then: first the count ends it, then the sum)
    for (hours, amount, room) in [(0, 100, 10), (2, 350, 10), (4, 250, 2), (30, 350, 10)] {
        let mut ran = 0;
        for _ in 0..5 {
            for process in &mut processes {
                process.tell(&json!({"do": "refund", "amount": amount, "at": BEGIN + hours * HOUR}));
            }
            let answers: Vec<Value> = processes.iter_mut().map(Process::hear).collect();
            for answer in &answers {
                match answer["status"].as_str().unwrap() {
                    "completed" => ran += 1,
                    "approval_required" => {}
                    "denied" => assert_eq!(answer["by"], "limit", "{answer}"),
                    other => panic!("{other}: {answer}"),
                }
            }
        }
        assert_eq!(ran, room, "after {hours} h");
    }
    assert_eq!(ground.service.seen().values().sum::<u32>(), 32);
    processes.into_iter().for_each(Process::end);
    ground.verified().await;
}

#[tokio::test]
async fn t106_four_terminals_approve_at_once_and_one_request_is_sent() {
    let ground = Ground::new(40, &*real_clock()).await;
    for (round, codes) in [[1, 1, 1, 1], [10, 11, 12, 13], [20, 20, 21, 21]].into_iter().enumerate() {
        let arguments = format!("{{\"charge\": \"ch_1\", \"amount\": {}}}", round + 1);
        let answer = ground.program(&["--json", "call", "stripe.create_refund", "--args", &arguments]).end().json();
        let id = answer["approval"]["id"].as_str().unwrap_or_else(|| panic!("{answer}"));
        let terminals: Vec<Program> = codes
            .iter()
            .map(|code| {
                let mut terminal = ground.program(&["--json", "approvals", "approve", id, "--code-stdin"]);
                terminal.say(&letters(*code));
                terminal
            })
            .collect();
        let ended: Vec<bool> = terminals.into_iter().map(|terminal| terminal.end().code == 0).collect();
        assert_eq!(ended.iter().filter(|yes| **yes).count(), 1, "{codes:?}: {ended:?}");
        assert_eq!(ground.service.count(id), 1, "{codes:?}");
    }
    ground.verified().await;
}

#[test]
fn t251_eight_programs_that_make_one_home_at_once_make_one() {
    let scene = Scene::new();
    let makers: Vec<_> = (0..8).map(|_| Program::start(&scene, &["--json", "init", "--store", "vault"])).collect();
    let made: Vec<_> = makers.into_iter().map(Program::end).collect();
    assert!(made.iter().any(|ran| ran.code == 0), "{made:?}");
    keep_vault_key(&scene);
    let verified = Program::start(&scene, &["--json", "log", "verify"]).end().json();
    assert_eq!(verified["records"], 1, "{verified}");
    let policy = Program::start(&scene, &["--json", "policy", "show"]).end().json();
    assert!(policy.is_object(), "{policy}");
}
