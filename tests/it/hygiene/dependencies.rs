//! What comes from others.

use std::collections::BTreeSet;

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
