//! stub
use super::{Exit, Failure, Out};
use crate::app::App;
#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// stub
    Show,
}
impl Action {
    pub(super) fn add(_host: &str) -> Option<Self> {
        None
    }
}
pub(super) async fn run(_app: &App, _out: &Out, _action: Action) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
