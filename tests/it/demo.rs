//! `agentport demo`, as somebody without an account, a keyring or a network runs it.

#![expect(clippy::disallowed_methods, reason = "the real program is what is tested")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use serde_json::Value;

use super::harness::{Ran, Scene};

/// How the key begins that each demo makes for itself.
const KEY: &str = "sk_test_demo";

/// A folder for temporary folders, and nobody may see a demo's key.
fn temporary() -> Scene {
    let scene = Scene::new();
    scene.evidence().keep_from(KEY);
    fs::create_dir(scene.path().join("tmp")).unwrap();
    scene
}

/// The program with nothing in its environment but where temporary folders go.
fn demo(scene: &Scene, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agentport"));
    command.env_clear().env("TMPDIR", scene.path().join("tmp")).arg("demo").args(args);
    command
}

fn ran(scene: &Scene, args: &[&str]) -> Ran {
    Ran::of(demo(scene, args).output().unwrap(), scene.evidence())
}

fn left_in(scene: &Scene) -> Vec<String> {
    let entries = fs::read_dir(scene.path().join("tmp")).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn demo_runs_by_itself_and_leaves_nothing() {
    let temporary = temporary();
    let ran = ran(&temporary, &["--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let text = ran.stdout;
    for line in [
        "→ completed: First Customer, Second Customer",
        "→ approval_required: nothing was sent.",
        "/approve/apr_",
        "The stand-in has 0 refunds.",
        "→ completed: re_Demo1, $42.00 back to the customer; the stand-in has exactly 1 refund",
        "One yes, one refund",
        "→ denied by the policy (stripe.create_payout); nothing was sent",
        "records, each chained to the one before: none changed",
        "the key appeared in none of the 9 messages",
        "All of it behaved",
    ] {
        assert!(text.contains(line), "`{line}` is not in:\n{text}");
    }
    // a pipe takes no colour, and a newcomer reads one screen
    assert!(!text.contains('\u{1b}'), "{text}");
    assert!(text.lines().count() <= 50, "{}", text.lines().count());
    assert_eq!(left_in(&temporary), Vec::<String>::new());
}

#[test]
fn demo_is_one_json_value_for_programs() {
    let temporary = temporary();
    let ran = ran(&temporary, &["--yes", "--json"]);
    let value = ran.json();
    assert_eq!((ran.code, &value["ok"]), (0, &Value::Bool(true)));
    let steps: Vec<_> = value["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["start", "read", "ask", "decide", "repeat", "forbidden", "log", "secret"]);
    assert_eq!(left_in(&temporary), Vec::<String>::new());
}

/// What a person types, when the demo waits for them.
fn typed(line: &str) -> (i32, String) {
    let temporary = temporary();
    let mut command = demo(&temporary, &[]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(temporary.evidence().stderr());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut text = String::new();
    for told in BufReader::new(child.stdout.take().unwrap()).lines() {
        let told = told.unwrap();
        temporary.evidence().saw(&told);
        if told.contains("Enter approves") {
            input.write_all(line.as_bytes()).unwrap();
        }
        text += &format!("{told}\n");
    }
    let code = child.wait().unwrap().code().unwrap();
    assert_eq!(left_in(&temporary), Vec::<String>::new());
    (code, text)
}

#[test]
fn demo_takes_a_yes_at_the_keyboard() {
    let (code, text) = typed("\n");
    assert!(code == 0 && text.contains("DEMO code ") && text.contains("exactly 1 refund"), "{text}");
}

#[test]
fn demo_takes_a_no_at_the_keyboard() {
    let (code, text) = typed("n\n");
    assert!(code == 0 && text.contains("the stand-in still has 0 refunds"), "{text}");
}

#[test]
fn demo_that_is_left_early_leaves_nothing() {
    let (code, text) = typed("q\n");
    assert!(code == 1 && !text.contains("All of it behaved"), "{text}");
}
