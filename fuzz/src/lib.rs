//! The parts of the product that are fuzzed: its own files, and nothing else of it.

#[path = "../../src"]
mod product {
    pub mod sql;
    pub mod visible;
}

pub use product::{sql, visible};
