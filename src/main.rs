//! Parse and run.

use std::process::ExitCode;

fn main() -> ExitCode {
    agentport::cli::main()
}
