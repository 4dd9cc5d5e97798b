//! `DeliveryWorkflow`: brings one message to a webhook's receiver, for as long as it may take.

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

/// What is delivered. Where to and signed by what stays in the catalogue: those are secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The message.
    pub delivery: DeliveryId,
    /// 1 for the first time, one more with each replay.
    pub round: u32,
    /// Shows that we made it; inputs of versions before there were codes have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<Mac>,
}

crate::mac::vouched!(Input, NAME);

impl Input {
    /// The first time a message is delivered.
    pub fn first(delivery: DeliveryId) -> Self {
        Self { delivery, round: 1, mac: None }
    }

    /// The workflow that does it: one per round, so that no round runs twice at a time.
    pub fn workflow_id(self) -> String {
        format!("delivery-{}-{}", self.delivery, self.round)
    }
}

/// Where a delivery stands: `pending → delivered | failed`, and back to `pending` by a replay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStatus {
    /// The receiver has not taken it yet.
    Pending,
    /// The receiver has taken it.
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

/// A text that is no status of a delivery.
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
