//! Activity: writes into the catalogue how an attempt ended.

use serde::{Deserialize, Serialize};

use crate::{DeliveryId, delivery};

crate::activity!("record_outcome");

/// The attempt and its end.
pub type Input = crate::completion::Input;
/// The message of a webhook that is due now; `None` without one, as before there were webhooks.
pub type Output = Option<Due>;

/// A message that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Due {
    /// What its workflow is started with.
    Message(delivery::Input),
    /// Its id alone, from workers of versions before inputs had codes.
    Id(DeliveryId),
}

impl From<Due> for delivery::Input {
    fn from(due: Due) -> Self {
        match due {
            Due::Message(message) => message,
            Due::Id(delivery) => Self::first(delivery),
        }
    }
}
