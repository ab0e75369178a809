//! The pages that a person decides and looks after things by, in a real Chromium: pictured into
//! `target/screenshots/approvals/` and `target/screenshots/pages/`, and measured for all that would mislead who reads them
//! (`tests/browser/inspect.mjs`).

mod approvals;
mod pages;
mod world;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{
    browser::{drive, has_browser, open, screenshots},
    harness::{Reply, Upstream, setting, skip},
};

/// The sizes that are pictured and measured: a phone and a desktop.
const SIZES: [(&str, u32, u32); 2] = [("phone", 390, 844), ("desktop", 1280, 800)];

fn folder(name: &str) -> PathBuf {
    let folder = screenshots().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn says_whether_axe_judges() {
    let axe = setting("AGENTPORT_TEST_NODE_MODULES").map(|path| Path::new(&path).join("axe-core/axe.min.js"));
    if axe.is_none_or(|path| !path.exists()) {
        skip("axe-core's judgement of the pages: it is not among the node modules (tests/run)");
    }
}

/// Takes the steps, and fails with all that the inspections complain of.
async fn look(mut steps: Vec<Value>) {
    steps.push(json!({"step": "console"}));
    let results = drive(steps.clone()).await;
    assert_eq!(results.last().unwrap()["messages"], json!([]), "the page's content policy holds, and nothing failed");
    let complaints: Vec<String> = steps
        .iter()
        .zip(&results)
        .filter(|(step, _)| step["step"] == "inspect")
        .flat_map(|(step, result)| {
            let all = result["complaints"].as_array().unwrap();
            all.iter().map(|one| format!("{}: {}", step["of"].as_str().unwrap(), one.as_str().unwrap()))
        })
        .collect();
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// What a page must not do, one sin each, and what the inspection says to it.
const SINS: [(&str, &str); 13] = [
    ("<details><summary>More</summary>amount 5000</details>", "is closed: <details>"),
    ("<p style='overflow:hidden;height:1em'>a<br>b</p>", "may cut off its content"),
    ("<p style='color:#999'>pale</p>", "has a contrast of 2.85, less than 4.5: <p> \"pale\""),
    ("<p style='opacity:.5'>faint</p>", "is not wholly visible: <p> \"faint\""),
    ("<p style='font-size:6px'>tiny</p>", "is too small (6px): <p> \"tiny\""),
    ("<p style='display:none'>gone</p>", "is not displayed: <p> \"gone\""),
    ("<p style='width:600px'>wide</p>", "stands out at the side: <p> \"wide\""),
    ("<p style='direction:rtl'>backwards</p>", "does not run from left to right: <p> \"backwards\""),
    (
        "<p style='position:relative;height:20px'>under<b style='position:absolute;inset:0;background:#fff'>over</b></p>",
        "is covered by",
    ),
    ("<button style='outline:0'>bare</button>", "the focus cannot be seen at <button> bare"),
    ("<a href=/>late</a> <button tabindex=5>early</button>", "Tab 2 leads to control"),
    ("<input style='border:1px solid #767676;width:60px;height:30px'>", "a textbox has no name"),
    (
        "<style>::placeholder{color:#bbb}</style><input aria-label=Hint placeholder=pale style='border:1px solid #767676'>",
        "has a hint with a contrast of 1.92, less than 4.5",
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_inspection_sees_what_would_mislead() {
    if !has_browser() {
        return;
    }
    let page = |body: &str| {
        format!(
            "<!doctype html><html lang=en><title>Sins</title><body style='background:#fff'><main><h1>Sins</h1>{body}</main>"
        )
    };
    let pages: Vec<String> = SINS.iter().map(|(body, _)| page(body)).chain([page("<p>Nothing to hide.</p>")]).collect();
    let sent = pages.clone();
    let server = Upstream::bare(move |request| {
        let index = request.line.split(['/', ' ']).find_map(|part| part.parse::<usize>().ok());
        let page = index.and_then(|index| sent.get(index)).map(String::as_str).unwrap_or_default();
        Reply::with(200, &[("content-type", "text/html; charset=utf-8")], page.as_bytes())
    });
    let mut steps = vec![json!({"step": "newContext", "viewport": {"width": 390, "height": 844}})];
    for index in 0..pages.len() {
        steps.push(open(&format!("{}/{index}", server.origin())));
        steps.push(json!({"step": "inspect", "first": ["Sins"]}));
    }
    let results = drive(steps).await;
    let complaints = |index: usize| -> Vec<&str> {
        results[2 + 2 * index]["complaints"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
    };
    for (index, (body, expected)) in SINS.iter().enumerate() {
        let said = complaints(index);
        assert!(said.iter().any(|one| one.contains(expected)), "{body}: {said:?}");
    }
    assert_eq!(complaints(SINS.len()), Vec::<&str>::new());
}
