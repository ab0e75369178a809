//! The same in Debian's Firefox: another engine's passkeys, and another browser's idea of the page's content policy.

#![expect(clippy::disallowed_methods, reason = "a browser is a matter of environment and processes")]

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use agentport::ledger::ApprovalStatus;
use serde_json::{Value, json};

use super::link;
use crate::{
    harness::{saw, setting, skip},
    site::house::House,
};

#[tokio::test(flavor = "multi_thread")]
async fn t134_in_firefox_a_verified_passkey_approves_and_no_other() {
    let Some(_) = setting("AGENTPORT_TEST_FIREFOX").filter(|path| Path::new(path).exists()) else {
        return skip("passkeys in Firefox: AGENTPORT_TEST_FIREFOX names nothing (tests/run)");
    };
    let house = House::build().await;
    let refund = house.refund().await;
    // the browser signs itself in by enrolling
    let steps = json!({
        "enrol": link(&house, &house.next_code()).await,
        "approve": format!("{}/approve/{}", house.base, refund.id),
    });
    let run = move || {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/firefox.mjs");
        let mut child = Command::new("node").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&serde_json::to_vec(&steps).unwrap()).unwrap();
        child.wait_with_output().unwrap().stdout
    };
    let seen = tokio::task::spawn_blocking(run).await.unwrap();
    saw(&String::from_utf8_lossy(&seen));
    let seen: Value = serde_json::from_slice(&seen).unwrap();
    assert!(seen["approved"].as_str().is_some_and(|said| said.contains("Done")), "{seen}");
    assert!(seen["notVerified"].as_str().unwrap().contains("Nothing was sent."), "{seen}");
    assert_eq!(house.status(&refund.id).await, ApprovalStatus::Executed);
    assert_eq!(house.upstream.received_requests().await.unwrap().len(), 1);
    house.parts.home.verify().await.unwrap().unwrap();
}
