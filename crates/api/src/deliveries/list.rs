//! `GET /webhooks/deliveries`: messages to webhooks, newest first, page by page.

use std::sync::Arc;

use axum::{Json, extract::State};
use catalog::DeliveryFilter;
use contract::{DeliveryId, DeliveryStatus};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::DeliveryView;
use crate::{Api, caller::Caller, extract::Parameters, paging::Asked, problem::Problem};

/// Parameters of this list alone.
const OWN: [&str; 2] = ["video", "status"];

/// A part of the list of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    /// Newest first; without their attempts, which only a single message has.
    deliveries: Vec<DeliveryView>,
    /// Messages of this page whose record cannot be read; absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<UnreadableDelivery>,
    /// Give this as `cursor` for the messages that follow; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A message whose record cannot be read.
#[derive(Debug, Serialize, ToSchema)]
struct UnreadableDelivery {
    /// Its id.
    id: DeliveryId,
    /// What cannot be read, and why.
    error: String,
}

/// Lists messages to webhooks, newest first. They are kept for 30 days.
#[utoipa::path(
    get,
    path = "/webhooks/deliveries",
    tag = "webhooks",
    params(
        ("video" = Option<String>, Query, format = Uuid, description = "Only messages about this video"),
        ("status" = Option<DeliveryStatus>, Query, description = "Only messages that stand here"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200,
            description = "Most messages on the page; default 50"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page", body = DeliveryPage),
        (status = "default", description = "Refused", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    Parameters(given): Parameters,
) -> Result<Json<DeliveryPage>, Problem> {
    let asked = Asked::read(&given, &OWN, take)?;
    let filter = DeliveryFilter { tenant: Some(caller.tenant), ..asked.filter };
    let page = api.catalog.deliveries(filter, asked.limit, asked.cursor).await?;
    Ok(Json(DeliveryPage {
        deliveries: page.deliveries.iter().map(DeliveryView::new).collect(),
        unreadable: page
            .unreadable
            .into_iter()
            .map(|row| UnreadableDelivery { id: DeliveryId(row.id), error: row.reason })
            .collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}

fn take(filter: &mut DeliveryFilter, name: &str, value: &str) -> Result<(), String> {
    if name == "video" {
        let video = value.parse().map_err(|_| "is not the id of a video".to_owned())?;
        filter.video = Some(video);
    } else {
        let status = value.parse::<DeliveryStatus>().map_err(|error| error.to_string())?;
        filter.status = Some(status);
    }
    Ok(())
}
