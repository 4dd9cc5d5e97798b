//! `GET /webhooks/deliveries/{id}`: one message, with every attempt to send it.

use std::sync::Arc;

use axum::{Json, extract::State};

use super::view::DeliveryLog;
use crate::{Api, caller::Caller, extract::IdText, problem::Problem};

/// Shows one message to a webhook, with every attempt to send it.
#[utoipa::path(
    get,
    path = "/webhooks/deliveries/{id}",
    tag = "webhooks",
    params(("id" = String, Path, format = Uuid, description = "The message")),
    responses(
        (status = 200, description = "The message", body = DeliveryLog),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<Json<DeliveryLog>, Problem> {
    let delivery = api.find_delivery(&caller, &id).await?;
    let sent = api.catalog.sendings(&delivery).await?;
    Ok(Json(DeliveryLog::new(&delivery, sent)))
}
