//! What changed between the question and the yes.

use std::sync::Arc;

use super::*;
use crate::{
    account::{Account, Environment, Origin},
    catalog::Catalog,
    gateway::DecideError,
    ledger::{ApprovalStatus, CancelledBy, Ledger as _, conformance, sqlite::Kept},
    policy::BUILT_IN,
};

const DENIES: &str = "schema = 1\n[tools]\n\"stripe.create_refund\" = \"deny\"\n";
const ALLOWS: &str = "schema = 1\n[tools]\n\"stripe.create_refund\" = \"allow\"\n";

fn policy_file(rig: &Rig, text: &str) {
    crate::files::replace_private(&rig.folder.join("policy.toml"), text.as_bytes()).unwrap();
}

#[tokio::test]
async fn t121_a_deny_by_now_denies_at_the_yes() {
    for applied in [true, false] {
        let rig = Rig::start().await;
        let id = rig.ask(1).await;
        // an edit that nobody applied can only tighten, and this one does
        if applied {
            rig.apply(DENIES).await;
        } else {
            policy_file(&rig, DENIES);
        }
        match rig.approve(&id).await {
            Err(DecideError::PolicyDenies(evaluation)) => assert_eq!(evaluation.rule(), "stripe.create_refund"),
            other => panic!("{other:?}"),
        }
        let answer = rig.fetch(&id).await;
        assert_eq!((&answer["status"], &answer["by"]), (&"denied".into(), &"policy".into()), "{answer}");
        assert_eq!(rig.upstream.count(), 0);
        rig.verified().await;
    }
}

#[tokio::test]
async fn an_allow_by_now_still_needs_the_yes_of_what_waits() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.apply(ALLOWS).await;
    assert_eq!(rig.ask(1).await, id);
    assert_eq!(rig.upstream.count(), 0);
    rig.approve(&id).await.unwrap();
    assert_eq!(rig.refund(1).await["replayed"], true);
    // and then it is allowed
    assert_eq!(rig.refund(1).await["status"], "completed");
    assert_eq!(rig.upstream.count(), 2);
    // an edit that loosens means nothing before it is applied
    let rig = Rig::start().await;
    policy_file(&rig, ALLOWS);
    rig.ask(1).await;
}

#[tokio::test]
async fn t123_a_changed_definition_cancels() {
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    let stripe = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/stripe.toml"));
    for changed in [
        stripe.replacen("POST /v1/refunds\"", "POST /v1/payouts\"", 1),
        stripe.replacen("name = \"create_refund\"", "name = \"create_refunds\"", 1),
    ] {
        assert_ne!(changed, stripe);
        let later = rig.another_version(Arc::new(Catalog::compile(&[("stripe.toml", &changed)]).unwrap()));
        let id = if later.home.approval(&id).await.unwrap().unwrap().status == ApprovalStatus::Pending {
            id.clone()
        } else {
            rig.ask(1).await
        };
        let refused = later.approve(&id).await;
        assert!(matches!(refused, Err(DecideError::Changed("the tool's definition"))), "{refused:?}");
        let answer = rig.fetch(&id).await;
        assert_eq!((&answer["status"], &answer["by"]), (&"cancelled".into(), &"change".into()), "{answer}");
    }
    assert_eq!(rig.upstream.count(), 0);
    rig.verified().await;
}

#[tokio::test]
async fn t122_a_changed_account_cancels() {
    let account = conformance::account().as_ref().clone();
    let changes = [
        Account { origin: Origin::parse("https://api.evil.example", false).unwrap(), ..account.clone() },
        // the page said TEST
        Account { environment: Environment::Production, ..account.clone() },
    ];
    for changed in changes {
        let rig = Rig::start().await;
        let id = rig.ask(1).await;
        rig.connect(changed).await;
        let refused = rig.approve(&id).await;
        assert!(matches!(refused, Err(DecideError::Changed("the account"))), "{refused:?}");
        assert_eq!(rig.upstream.count(), 0);
    }
    // another set of credentials under the same name, or none, ends what waits for the old one by itself
    for removed in [true, false] {
        let rig = Rig::start().await;
        let id = rig.ask(1).await;
        if removed {
            assert_eq!(
                rig.home.remove_account("stripe", "default", None, conformance::at(1)).await.unwrap(),
                Kept::Done
            );
        } else {
            rig.connect(Account { id: "acc_2".to_owned(), ..account.clone() }).await;
        }
        match rig.approve(&id).await {
            Err(DecideError::AlreadyDecided(found)) => {
                assert_eq!(found.status, ApprovalStatus::Cancelled);
                assert_eq!(found.decision.unwrap().cancelled_by, Some(CancelledBy::Human));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(rig.upstream.count(), 0);
        rig.verified().await;
    }
    // a new secret of the same account changes nothing
    let rig = Rig::start().await;
    let id = rig.ask(1).await;
    rig.connect(account).await;
    rig.approve(&id).await.unwrap();
}

#[tokio::test]
async fn t089_other_tools_under_the_same_text_are_another_policy() {
    let wildcard = "schema = 1\n[tools]\n\"stripe.*\" = \"allow\"\n";
    let rig = Rig::start().await;
    rig.apply(wildcard).await;
    assert_eq!(rig.refund(1).await["status"], "completed");
    // applied again when one tool was another: the same number of them
    let known = |name: String| if name == "stripe.create_refund" { "stripe.undo_refund".to_owned() } else { name };
    let tools = conformance::CATALOG.tools().map(|tool| known(tool.policy_name())).collect();
    let pinned = crate::policy::Pinned { text: wildcard.to_owned(), tools };
    let claim = crate::approval::Claim::Policy(crate::ledger::sqlite::pin_digest(&pinned).unwrap());
    let human = conformance::human(claim, 400);
    assert!(rig.home.pin(pinned, Some(human), conformance::at(1)).await.unwrap());
    assert_eq!(rig.refund(2).await["status"], "approval_required");
}

#[tokio::test]
async fn t097_a_file_that_does_not_load_is_named_for_as_long_as_it_does_not() {
    let rig = Rig::start().await;
    let parts = rig.gateway.parts().unwrap();
    let problems = || parts.snapshots.current().unwrap().problems.len();
    assert_eq!(problems(), 0);
    let settings = rig.folder.join("agentport.toml");
    crate::files::replace_private(&settings, b"[site]\nlisten = \"0.0.0.0:80\"\n").unwrap();
    assert_eq!(problems(), 1);
    // something else changes meanwhile
    rig.connect(Account {
        name: "second".to_owned(),
        id: "acc_3".to_owned(),
        ..conformance::account().as_ref().clone()
    })
    .await;
    assert_eq!(problems(), 1);
    std::fs::remove_file(&settings).unwrap();
    assert_eq!(problems(), 0);
    // a policy that cannot even be read
    policy_file(&rig, BUILT_IN);
    assert_eq!(problems(), 0);
    std::fs::remove_file(rig.folder.join("policy.toml")).unwrap();
    std::fs::create_dir(rig.folder.join("policy.toml")).unwrap();
    assert_eq!(problems(), 1);
    assert_eq!(rig.call("stripe_get_balance", serde_json::json!({"account": "default"})).await["status"], "completed");
}
