//! `POST /webhooks/deliveries/{id}/replay`: sends a message again, under the same id.

use std::sync::Arc;

use axum::{Json, extract::State, http::StatusCode};

use super::view::DeliveryView;
use crate::{Api, caller::Caller, extract::IdText, problem::Problem, temporal};

/// Sends a message to a webhook again, whether or not it was delivered: a new round of attempts
/// begins at once.
#[utoipa::path(
    post,
    path = "/webhooks/deliveries/{id}/replay",
    tag = "webhooks",
    params(("id" = String, Path, format = Uuid, description = "The message")),
    responses(
        (status = 202, description = "Being sent; `round` has grown", body = DeliveryView),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn replay(
    State(api): State<Arc<Api>>,
    caller: Caller,
    IdText(id): IdText,
) -> Result<(StatusCode, Json<DeliveryView>), Problem> {
    let delivery = api.find_delivery(&caller, &id).await?.id;
    let round = api.catalog.replay(delivery).await?;
    let message = round.ok_or_else(|| Problem::delivery_not_found(&id))?;
    temporal::deliver(&api, message).await?;
    let delivery = api.find_delivery(&caller, &id).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryView::new(&delivery))))
}
