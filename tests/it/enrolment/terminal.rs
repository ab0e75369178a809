//! The commands that make a set-up link and wait for it.

use std::time::Duration;

use serde_json::Value;

use super::{recovery_codes, secret};
use crate::{
    harness::{Port, now as seconds, totp},
    site::house::Browser,
};

/// The link's path, and the browser that opens it.
fn visit(line: &Value) -> (String, Browser) {
    let url = url::Url::parse(line["url"].as_str().unwrap()).unwrap();
    (url.path().to_owned(), Browser::new(url.port().unwrap()))
}

/// Neither link, secret nor codes may be in anything that the program leaves behind.
async fn enrol_now(port: &Port, path: &str, browser: &mut Browser) -> String {
    let secret = secret(&browser.get(path).await);
    let answer = browser.post(path, &[("code", &totp(&secret, seconds() / 30))]).await;
    assert_eq!((answer.status, recovery_codes(&answer).len()), (200, 10), "{}", answer.body);
    for hidden in recovery_codes(&answer).iter().chain([&secret, &path.replace("/enrol/", "")]) {
        port.evidence().keep_from(hidden);
    }
    secret
}

#[tokio::test(flavor = "multi_thread")]
async fn agentport_open_enrols_first_where_nobody_is() {
    let port = Port::new();
    let mut talk = port.cli(["open", "--json"]).unseen().spawn();
    let line = talk.line();
    assert_eq!(line["opened"], false);
    assert!(line["expires_at"].as_str().unwrap().ends_with('Z'), "{line}");
    let (path, mut browser) = visit(&line);
    assert!(path.starts_with("/enrol/"), "{line}");
    enrol_now(&port, &path, &mut browser).await;
    assert!(browser.get("/").await.text().contains("Inbox"));
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
    let factors = port.cli(["factor", "list", "--json"]).done().json();
    assert_eq!(factors["factors"].as_array().unwrap().len(), 1, "{factors}");
    // now there is somebody: it opens the inbox
    let mut talk = port.cli(["open", "--json"]).unseen().spawn();
    let (path, _) = visit(&talk.line());
    assert_eq!(path, "/");
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn factor_add_enrols_in_the_browser_with_a_code_of_what_is_there() {
    let port = Port::new();
    let mut talk = port.cli(["factor", "add", "totp", "--browser", "--json"]).unseen().spawn();
    let (path, mut browser) = visit(&talk.line());
    let secret = enrol_now(&port, &path, &mut browser).await;
    let done = talk.line();
    assert_eq!(done["status"], "active");
    assert_eq!(done.get("recovery_codes"), None, "they are in the browser");
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);

    // without a code of it there is no second link
    let refused = port.cli(["factor", "add", "totp", "--browser", "--json"]).stdin("000000").exits(1);
    assert!(refused.error().contains("that code is not right") && !refused.stdout.contains("/enrol"));
    // the recovery codes were shown once, in the browser: the app's next code it is
    let step = seconds() / 30;
    let mut talk = port.cli(["factor", "add", "totp", "--browser", "--json"]).unseen().spawn();
    talk.say(&totp(&secret, step + 1));
    let (path, mut browser) = visit(&talk.line());
    enrol_now(&port, &path, &mut browser).await;
    assert_eq!(talk.line()["status"], "active");
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
    assert_eq!(port.cli(["factor", "list", "--json"]).done().json()["factors"].as_array().unwrap().len(), 2);
    port.cli(["log", "verify"]).done();
}

/// Whoever hosts the site by now.
async fn is_served(port: u16) {
    let began = std::time::Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        assert!(began.elapsed() < Duration::from_mins(1), "nobody serves the site");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_link_ends_the_command_that_waits_with_the_older_one() {
    let port = Port::new();
    let mut older = port.cli(["open", "--json"]).unseen().spawn();
    older.line();
    let mut newer = port.cli(["factor", "add", "totp", "--browser", "--json"]).unseen().spawn();
    let (path, mut browser) = visit(&newer.line());
    let failed = tokio::task::spawn_blocking(move || (older.line(), older.wait()));
    let (line, code) = tokio::time::timeout(Duration::from_mins(1), failed).await.unwrap().unwrap();
    assert!(line["error"]["message"].as_str().unwrap().contains("a newer one was made"), "{line}");
    assert_eq!(code, 1);
    is_served(browser.port).await;
    enrol_now(&port, &path, &mut browser).await;
    assert_eq!(newer.line()["status"], "active");
    assert_eq!(tokio::task::spawn_blocking(move || newer.wait()).await.unwrap(), 0);
}

/// Somebody else's link is theirs: it opens in no browser of the owner's, and as long as they have enrolled nothing there can be
/// another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_enrolled_nothing_gets_another_link() {
    let port = Port::enrolled();
    let add = || {
        let mut talk = port.cli(["people", "add", "ann", "--code-stdin", "--json"]).unseen().spawn();
        talk.say(&port.code());
        let link = visit(&talk.line());
        (talk, link)
    };
    let (mut first, (old, _)) = add();
    let (mut second, (path, mut browser)) = add();
    assert_ne!(old, path);
    let ended = tokio::task::spawn_blocking(move || (first.line(), first.wait())).await.unwrap();
    assert!(
        ended.0["error"]["message"].as_str().unwrap().contains("a newer one was made") && ended.1 == 1,
        "{ended:?}"
    );
    is_served(browser.port).await;
    assert_eq!(browser.get(&old).await.status, 404, "a newer one ends it");
    enrol_now(&port, &path, &mut browser).await;
    assert_eq!(second.line()["person"], "ann");
    assert_eq!(tokio::task::spawn_blocking(move || second.wait()).await.unwrap(), 0);
    let added: Vec<_> = port.log().into_iter().filter(|line| line["kind"] == "home").collect();
    let again = |status: &str| added.iter().filter(|line| line["status"] == status).count();
    assert_eq!((again("person added"), again("person invited again")), (1, 1));
    // now they have one
    let refused = port.cli(["people", "add", "ann", "--code-stdin", "--json"]).stdin(&port.code()).exits(1).error();
    assert!(refused.contains("there is a person `ann` already"), "{refused}");
    port.cli(["log", "verify"]).done();
}

#[test]
fn the_link_of_somebody_else_is_not_called_the_owners() {
    let port = Port::enrolled();
    let mut talk = port.cli(["people", "add", "ann", "--code-stdin"]).unseen().spawn();
    talk.say(&port.code());
    let said = talk.told_until("as ann.");
    assert!(said.contains("the link for ann") && !said.contains("your second factor"), "{said}");
}

/// Other users of the machine see the arguments of every process.
#[tokio::test(flavor = "multi_thread")]
async fn the_link_is_in_no_argument_list_on_its_way_to_the_browser() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut port = Port::new();
    let bin = port.folder().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let said = port.folder().join("said");
    let script = format!("#!/bin/sh\necho \"$@\" > {0}.new\n/bin/mv {0}.new {0}\n", said.display());
    std::fs::write(bin.join("xdg-open"), script).unwrap();
    std::fs::set_permissions(bin.join("xdg-open"), std::fs::Permissions::from_mode(0o700)).unwrap();
    port.set("DISPLAY", ":99");
    port.set("PATH", bin.to_str().unwrap());
    let mut talk = port.cli(["open", "--json"]).unseen().spawn();
    let line = talk.line();
    assert_eq!(line["opened"], true);
    let (path, mut browser) = visit(&line);
    let began = std::time::Instant::now();
    while !said.exists() {
        assert!(began.elapsed() < Duration::from_mins(1), "no browser was opened");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let argument = std::fs::read_to_string(&said).unwrap();
    assert!(!argument.contains(path.strip_prefix("/enrol/").unwrap()), "{argument}");
    let file = url::Url::parse(argument.trim()).unwrap().to_file_path().unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let page = std::fs::read_to_string(&file).unwrap();
    assert!(page.contains(&format!("content=\"0;url={}\"", line["url"].as_str().unwrap())), "{page}");
    enrol_now(&port, &path, &mut browser).await;
    assert_eq!(tokio::task::spawn_blocking(move || talk.wait()).await.unwrap(), 0);
    assert!(!file.exists());
}
