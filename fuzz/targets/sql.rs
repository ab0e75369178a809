//! The classifier of statements, on any text: `fuzz/run`.
#![no_main]

#[path = "../properties.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| properties::hold(text));
