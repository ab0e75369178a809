//! stub
use crate::gateway::Gateway;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
/// stub
pub async fn host(_gateway: Arc<Gateway>, _stop: CancellationToken) {}
/// stub
pub async fn hosted(_gateway: &Arc<Gateway>) -> Option<String> {
    None
}
