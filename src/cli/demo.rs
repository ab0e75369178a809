//! stub
use super::{Exit, Failure, Out};
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// stub
    #[arg(long)]
    yes: bool,
}
pub(super) async fn run(_out: &Out, _args: Args) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
