//! `GET /webhooks/deliveries`: messages to webhooks, newest first, page by page.

use std::sync::Arc;

use axum::{Json, extract::State};
use catalog::{Cursor, DeliveryFilter};
use contract::DeliveryStatus;
use serde::Serialize;
use utoipa::ToSchema;

use super::view::DeliveryView;
use crate::{
    Api,
    caller::Caller,
    extract::Parameters,
    problem::{FieldError, Problem},
};

const LIMIT_DEFAULT: u32 = 50;
const LIMIT_MAX: u32 = 200;

/// A part of the list of messages.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    /// Newest first; without their attempts, which only a single message has.
    deliveries: Vec<DeliveryView>,
    /// Give this as `cursor` for the messages that follow; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
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
    let asked = Asked::read(&given)?;
    let filter = DeliveryFilter { tenant: Some(caller.tenant), ..asked.filter };
    let page = api.catalog.deliveries(filter, asked.limit, asked.cursor).await?;
    Ok(Json(DeliveryPage {
        deliveries: page.deliveries.iter().map(DeliveryView::new).collect(),
        next_cursor: page.next.map(|cursor| cursor.to_string()),
    }))
}

#[derive(Debug)]
struct Asked {
    filter: DeliveryFilter,
    limit: u32,
    cursor: Option<Cursor>,
}

impl Asked {
    fn read(given: &[(String, String)]) -> Result<Self, Problem> {
        let mut asked =
            Self { filter: DeliveryFilter::default(), limit: LIMIT_DEFAULT, cursor: None };
        let mut faults = Vec::new();
        for (at, (name, value)) in given.iter().enumerate() {
            let taken = if given.iter().take(at).any(|(earlier, _)| earlier == name) {
                Err("is there twice".to_owned())
            } else {
                asked.take(name, value)
            };
            faults.extend(taken.err().map(|reason| FieldError::parameter(name, &reason)));
        }
        if faults.is_empty() { Ok(asked) } else { Err(Problem::invalid(faults)) }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "video" => {
                let video = value.parse().map_err(|_| "is not the id of a video".to_owned())?;
                self.filter.video = Some(video);
            }
            "status" => {
                let status = value.parse::<DeliveryStatus>().map_err(|error| error.to_string())?;
                self.filter.status = Some(status);
            }
            "limit" => {
                let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
                self.limit = limit.ok_or_else(|| format!("must be from 1 to {LIMIT_MAX}"))?;
            }
            "cursor" => {
                let cursor = value.parse::<Cursor>().map_err(|error| error.to_string())?;
                self.cursor = Some(cursor);
            }
            _ => {
                let known = "`video`, `status`, `limit`, `cursor`";
                return Err(format!("unknown parameter, expected one of {known}"));
            }
        }
        Ok(())
    }
}
