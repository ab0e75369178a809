//! What understanding a statement costs: one of 1 KB, and the longest that is read on the caller's own stack and beyond it.
//! Prints; asserts nothing by a clock.
//!
//! `cargo bench --bench sql`
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot run says why")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use agentport::sql::{Dialect, Settings, Statement};

const ROUNDS: usize = 2_000;

fn main() {
    for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
        timed(dialect, "SELECT 1");
        let mut text = "SELECT c.name, count(*) AS orders, sum(o.total) AS total FROM customers c \
            JOIN orders o ON o.customer = c.id WHERE o.created > '2026-01-01'"
            .to_owned();
        // up to 1,024 bytes
        while text.len() < 960 {
            text.push_str(" AND lower(c.name) <> 'somebody else'");
        }
        text.push_str(" GROUP BY c.name ORDER BY 3");
        timed(dialect, &text);
        let list = vec!["12345"; 2_000].join(", ");
        timed(dialect, &format!("SELECT * FROM customers WHERE id IN ({list})"));
    }
}

fn timed(dialect: Dialect, text: &str) {
    let settings = Settings::usual(dialect);
    assert!(Statement::understand(dialect, text, settings).unwrap().is_read());
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(Statement::understand(dialect, black_box(text), settings).unwrap());
            start.elapsed()
        })
        .collect();
    took.sort();
    let at = |share: usize| took.get(ROUNDS * share / 100).copied().unwrap_or_default();
    println!("{:>10} {:>6} bytes: p50 {:>10.3?}  p95 {:>10.3?}", dialect.as_str(), text.len(), at(50), at(95));
}
