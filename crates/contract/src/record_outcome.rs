//! Activity: writes into the catalogue how an attempt ended.

use crate::DeliveryId;

crate::activity!("record_outcome");

/// The attempt and its end.
pub type Input = crate::completion::Input;
/// The message of a webhook that is due now; `None` without one, as before there were webhooks.
pub type Output = Option<DeliveryId>;
