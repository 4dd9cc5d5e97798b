//! Activity: sends one message to a webhook's receiver, once.

crate::activity!("deliver_webhook");

/// The message and the round.
pub type Input = crate::delivery::Input;
/// Nothing.
pub type Output = ();
