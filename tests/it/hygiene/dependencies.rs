//! What comes from others.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use super::read;

/// Features that would change what a byte means, or whom we trust, are not on; nor do their crates come in.
#[test]
fn t277_t278_no_dependency_brings_what_would_weaken_us() {
    let lock: toml::Table = toml::from_str(&read("Cargo.lock")).unwrap();
    let packages: BTreeSet<&str> =
        lock["package"].as_array().unwrap().iter().map(|package| package["name"].as_str().unwrap()).collect();
    // reqwest brings rustls-platform-verifier along; t199 shows that it is not asked
    for bad in [
        "openssl",
        "openssl-sys",
        "native-tls",
        "hyper-tls",
        "tokio-native-tls",
        "tokio-socks",
        "cookie_store",
        "aws-lc-sys",
        "hickory-resolver",
        "dotenvy",
        "dotenv",
        "libloading",
    ] {
        assert!(!packages.contains(bad), "{bad} is a dependency");
    }
    let sources: BTreeSet<&str> =
        lock["package"].as_array().unwrap().iter().filter_map(|package| package.get("source")?.as_str()).collect();
    assert_eq!(sources, ["registry+https://github.com/rust-lang/crates.io-index"].into());
    // serde_json: a duplicate key, a number and an order mean what the gate thinks
    let value: serde_json::Value = serde_json::from_str(r#"{"b":1,"a":18446744073709551616}"#).unwrap();
    assert_eq!(
        value.to_string(),
        r#"{"a":1.8446744073709552e+19,"b":1}"#,
        "preserve_order or arbitrary_precision is on"
    );
    let raw = r#"{"$serde_json::private::RawValue":"[1]"}"#;
    assert_eq!(serde_json::from_str::<serde_json::Value>(raw).unwrap().to_string(), raw, "raw_value is on");
    let manifest: toml::Table = toml::from_str(&read("Cargo.toml")).unwrap();
    let features = |name: &str| -> BTreeSet<&str> {
        let dependency = &manifest["dependencies"][name];
        assert_eq!(dependency.get("default-features").and_then(toml::Value::as_bool), Some(false), "{name}");
        let features = dependency.get("features").and_then(toml::Value::as_array);
        features.into_iter().flatten().map(|feature| feature.as_str().unwrap()).collect()
    };
    for bad in ["socks", "cookies", "native-tls", "default-tls", "rustls", "system-proxy", "hickory-dns", "charset"] {
        assert!(!features("reqwest").contains(bad), "{bad}");
    }
    for bad in ["json", "macros", "multipart", "ws"] {
        assert!(!features("axum").contains(bad), "{bad}");
    }
    assert!(!features("rmcp").contains("transport-io"));
}

/// What a grammar answers by itself would else be what no database says: the trait has an answer for each question.
#[test]
#[expect(clippy::disallowed_methods, reason = "cargo knows where the parser's source is")]
fn each_question_of_the_parser_is_passed_on_to_its_grammar() {
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .args(["--filter-platform", "host-tuple"])
        .output()
        .unwrap();
    assert!(metadata.status.success(), "{}", String::from_utf8_lossy(&metadata.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let parser = packages.iter().find(|package| package["name"] == "sqlparser").unwrap();
    let manifest = Path::new(parser["manifest_path"].as_str().unwrap());
    let source = fs::read_to_string(manifest.with_file_name("src").join("dialect/mod.rs")).unwrap();
    let (_, after) = source.split_once("\npub trait Dialect").unwrap();
    let (questions, _) = after.split_once("\n}\n").unwrap();
    let asked: BTreeSet<&str> = questions.lines().filter_map(|line| named(line.strip_prefix("    fn ")?)).collect();
    assert!(asked.len() > 200, "{asked:?}");

    let ours = read("src/sql/grammar/base.rs");
    let (_, ours) = ours.split_once("    passed_on! {").unwrap();
    let lines = ours.lines().filter(|line| !line.contains("//") && !line.contains("passed_on!") && !line.contains('}'));
    let mut answered: BTreeSet<&str> = lines
        .flat_map(|line| match line.split_once('(') {
            Some((question, _)) => vec![question.trim()],
            None => line.split_whitespace().collect(),
        })
        .collect();
    answered.extend(["parse_prefix", "parse_data_type"]);
    assert_eq!(asked.symmetric_difference(&answered).collect::<Vec<_>>(), Vec::<&&str>::new());
}

fn named(function: &str) -> Option<&str> {
    function.split(['(', '<']).next()
}
