//! What the catalog costs: compiling the built-in manifests, the schemas of all their tools, the index, one search.
//! Prints; asserts nothing by a clock.
//!
//! `cargo bench --bench catalog`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot run says why")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use agentport::catalog::{Catalog, input_schema};

const ROUNDS: usize = 50;

fn main() {
    let catalog = Catalog::built_in();
    println!("{} tools of {} services", catalog.tools().count(), catalog.integrations().count());
    timed("compile", || Catalog::check_built_in().unwrap());
    timed("all schemas", || {
        for tool in catalog.tools() {
            black_box(serde_json::to_string(&input_schema(tool, &[])).unwrap());
        }
    });
    for id in ["github", "gmail", "linear", "posthog", "stripe"] {
        timed(&format!("compile {id}"), || _ = black_box(Catalog::built_in().tools_of(id).count()));
    }
    timed("compile and first search", || _ = black_box(Catalog::built_in().search("refund").count()));
    timed("search", || _ = black_box(catalog.search("give the customer his money back").count()));
}

fn timed(what: &str, mut run: impl FnMut()) {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed()
        })
        .collect();
    took.sort();
    let at = |share: usize| took.get(ROUNDS * share / 100).copied().unwrap_or_default();
    println!("{what:>26}: p50 {:>10.3?}  p95 {:>10.3?}", at(50), at(95));
}
