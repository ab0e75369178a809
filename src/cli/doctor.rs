//! stub
use super::{Exit, Failure, Out};
use crate::app::App;
pub(super) async fn run(_app: &App, _out: &Out) -> Result<Exit, Failure> {
    Ok(Exit::Done)
}
