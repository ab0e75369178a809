//! What people copy works: every example, preset and manifest loads.

use std::{
    fs,
    path::{Path, PathBuf},
};

use agentport::{
    account::Environment,
    call::Caller,
    catalog::{Catalog, Effect},
    config::{self, Settings},
    policy::{self, Decision, Facts, Pinned, Policy},
};

#[test]
fn every_manifest_loads_and_is_in_the_binary() {
    let texts: Vec<(String, String)> = files("tools", "toml").iter().map(|path| (name(path), read(path))).collect();
    let pairs: Vec<(&str, &str)> = texts.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let from_files = Catalog::compile(&pairs).unwrap_or_else(|problems| panic!("{problems}"));
    let names = |catalog: &Catalog| catalog.tools().map(|tool| tool.policy_name()).collect::<Vec<_>>();
    assert_eq!(names(&from_files), names(&catalog()));
}

#[test]
fn every_preset_is_in_order_and_offered_by_its_name() {
    let catalog = catalog();
    let mut presets = Vec::new();
    for path in files("policies", "toml") {
        policy::check(&name(&path), &read(&path), &catalog).unwrap_or_else(|problems| panic!("{problems}"));
        presets.push((path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path)));
    }
    let mut offered: Vec<(String, String)> =
        policy::presets().into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
    offered.sort();
    assert_eq!(presets, offered);
}

#[test]
fn what_the_everyday_preset_lets_run_is_never_destructive() {
    let catalog = catalog();
    let (_, text) = policy::presets().into_iter().find(|(name, _)| *name == "everyday").unwrap();
    let tools = catalog.tools().map(|tool| tool.policy_name()).collect();
    let (policy, problems) = Policy::new(&catalog, &Pinned { text: text.to_owned(), tools }, None);
    assert!(problems.is_empty());
    let caller = Caller::parse("local").unwrap();
    let allowed = catalog.tools().filter(|tool| {
        let (account, environment) = ("default", Environment::Production);
        let facts = Facts { tool, arguments: None, caller: &caller, account, environment, findings: None, now: 0 };
        policy.evaluate(&facts).decision == Decision::Allow
    });
    let allowed: Vec<_> = allowed.collect();
    assert!(allowed.iter().any(|tool| tool.effect == Effect::Write));
    for tool in allowed {
        assert!(tool.strongest_effect() < Effect::Destructive, "{}", tool.policy_name());
    }
}

/// By their names: settings, policies, manifests; JSON is JSON; a README stands in every folder.
#[test]
fn every_example_loads() {
    let built_in = catalog();
    for path in files("examples", "toml") {
        let text = read(&path);
        match path.file_name().unwrap().to_str().unwrap() {
            "agentport.toml" => {
                Settings::parse(&text, &config::Environment::default())
                    .unwrap_or_else(|problems| panic!("{}: {problems}", name(&path)));
            }
            file if file.starts_with("policy") => {
                // an example may bring its own manifests
                let own: Vec<(String, String)> = files_in(&path.parent().unwrap().join("tools"), "toml")
                    .iter()
                    .map(|path| (name(path), read(path)))
                    .collect();
                let own: Vec<(&str, &str)> = own.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
                let with_own;
                let catalog = if own.is_empty() {
                    &built_in
                } else {
                    let all: Vec<(String, String)> =
                        files("tools", "toml").iter().map(|path| (name(path), read(path))).collect();
                    let all =
                        all.iter().map(|(name, text)| (name.as_str(), text.as_str())).chain(own).collect::<Vec<_>>();
                    with_own = Catalog::compile(&all).unwrap_or_else(|problems| panic!("{problems}"));
                    &with_own
                };
                policy::check(&name(&path), &text, catalog).unwrap_or_else(|problems| panic!("{problems}"));
            }
            _ => drop(Catalog::compile(&[(&name(&path), &text)]).unwrap_or_else(|problems| panic!("{problems}"))),
        }
    }
    for path in files("examples", "json") {
        serde_json::from_str::<serde_json::Value>(&read(&path))
            .unwrap_or_else(|error| panic!("{}: {error}", name(&path)));
    }
    for folder in folders("examples") {
        assert!(folder.join("README.md").is_file(), "{} has no README.md", name(&folder));
    }
}

fn catalog() -> Catalog {
    Catalog::built_in()
}

/// The files of this kind anywhere below a folder of the tree, sorted; none where the folder is not there.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    files_in(&root().join(folder), extension)
}

fn files_in(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = entries(folder)
        .into_iter()
        .flat_map(|path| if path.is_dir() { files_in(&path, extension) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    found.sort();
    found
}

fn folders(folder: &str) -> Vec<PathBuf> {
    entries(&root().join(folder)).into_iter().filter(|path| path.is_dir()).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn name(path: &Path) -> String {
    path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
