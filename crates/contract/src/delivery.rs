//! `DeliveryWorkflow`: delivers one message to a webhook's receiver, retrying for up to 24 hours.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};
use utoipa::ToSchema;

use crate::{DeliveryId, Mac};

/// Name of the workflow type in Temporal.
pub const NAME: &str = "DeliveryWorkflow";

/// Marks the workflow where it is started.
pub struct DeliveryWorkflow;

impl WorkflowDefinition for DeliveryWorkflow {
    type Input = Input;
    type Output = ();

    fn name(&self) -> &str {
        NAME
    }
}

impl HasWorkflowDefinition for DeliveryWorkflow {
    type Run = Self;
}

/// What is delivered. URL and signing secret stay in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The message.
    pub delivery: DeliveryId,
    /// 1 for the first time, one more with each replay.
    pub round: u32,
    /// Authentication code; absent in inputs of versions before there were codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

crate::mac::vouched!(Input, NAME);

impl Input {
    /// The first time a message is delivered.
    pub fn first(delivery: DeliveryId) -> Self {
        Self { delivery, round: 1, mac: None }
    }

    /// The workflow's id: one per round, so that no round runs twice at a time.
    pub fn workflow_id(self) -> String {
        format!("delivery-{}-{}", self.delivery, self.round)
    }
}

/// The status of a delivery: `pending → delivered | failed`, and back to `pending` by a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// The receiver has not accepted it yet.
    Pending,
    /// The receiver has accepted it.
    Delivered,
    /// It will not be tried again.
    Failed,
}

impl DeliveryStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Failed];

    /// The status as written in the API and the catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for DeliveryStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not a status of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a status of a delivery; they are {known}",
    known = DeliveryStatus::ALL.map(DeliveryStatus::as_str).join(", ")
)]
pub struct UnknownDeliveryStatus(String);

impl FromStr for DeliveryStatus {
    type Err = UnknownDeliveryStatus;

    fn from_str(text: &str) -> Result<Self, UnknownDeliveryStatus> {
        let found = Self::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| UnknownDeliveryStatus(text.to_owned()))
    }
}
