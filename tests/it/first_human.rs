//! The first human of a gateway: with nobody enrolled it shows one set-up link; and its log as JSON lines.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    process::Stdio,
};

use serde_json::Value;

use crate::harness::Port;

/// A gateway of a home without a factor, asked for JSON: the first line of its output.
#[test]
fn a_gateway_without_a_human_shows_a_link_that_enrols_one() {
    let port = Port::new();
    let mut command = port.command();
    let log = port.folder().join("gateway.log");
    command.args(["serve", "--json", "--log-format", "json", "--log-file", log.to_str().unwrap()]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let shown: Value = serde_json::from_str(&line).unwrap();
    let url = shown["url"].as_str().unwrap();
    assert!(
        url.starts_with("http://localhost:") && url.contains("/enrol/") && shown["expires_at"].is_string(),
        "{shown}"
    );
    let (_, token) = url.split_once("/enrol/").unwrap();

    let text = fs::read_to_string(&log).unwrap();
    port.evidence().saw(&text);
    // who reads the log enrols nobody
    assert!(!text.contains(token), "{text}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told =
        lines.iter().find(|line| line["message"].as_str().unwrap().starts_with("the approval site is at")).unwrap();
    assert_eq!(told["level"], "info", "{told}");
    assert!(told["at"].as_str().unwrap().ends_with('Z'), "{told}");
}

/// It shows none where somebody is enrolled: a link would make another approver.
#[test]
fn a_gateway_with_a_human_shows_no_link() {
    let port = Port::enrolled();
    let mut served = port.serve();
    assert_eq!(served.terminate(), Some(0));
    let links: u32 =
        port.database().query_row("SELECT count(*) FROM meta WHERE key = 'enrolment'", [], |row| row.get(0)).unwrap();
    assert_eq!(links, 0);
}
