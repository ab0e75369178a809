//! What is dangerous has its one place, or none.

use super::{files_with, read};

#[test]
fn t059_t184_a_process_is_started_by_the_browser_the_demo_and_the_installation_alone() {
    let allowed =
        |file: &str| ["src/cli/browser.rs", "src/cli/demo/agent.rs", "src/cli/install/system.rs"].contains(&file);
    for word in ["Command::new", "process::Command", "::spawn_process", "libc::system", "execve"] {
        assert_eq!(files_with(word, allowed), Vec::<String>::new(), "{word}");
    }
}

#[test]
fn each_danger_has_its_one_place() {
    for (word, places) in [
        ("Permit::mint", &["src/ledger/"][..]),
        ("env::var", &["src/config.rs"]),
        ("Client::builder", &["src/upstream/http.rs"]),
        ("println!", &[]),
        ("eprintln!", &[]),
        ("unsafe ", &[]),
        ("danger_accept", &[]),
        ("todo!(", &[]),
        ("unimplemented!(", &[]),
    ] {
        let allowed = |file: &str| places.iter().any(|place| file.starts_with(place));
        assert_eq!(files_with(word, allowed), Vec::<String>::new(), "{word}");
    }
}

#[test]
fn t180_the_released_program_ends_at_a_panic() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    assert_eq!(manifest["profile"]["release"]["panic"].as_str(), Some("abort"));
}

/// What is released is what is tested: no feature, and no line that only one of the two has.
#[test]
fn t282_the_released_program_is_the_tested_one() {
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    assert!(manifest.get("features").is_none());
    for word in ["debug_assertions", "cfg(feature", "cfg!(feature", "cfg!(test"] {
        assert_eq!(files_with(word, |_| false), Vec::<String>::new(), "{word}");
    }
}
