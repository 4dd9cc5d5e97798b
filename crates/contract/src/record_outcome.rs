//! Activity: writes into the catalogue how an attempt ended.

crate::activity!("record_outcome");

/// The attempt and its end.
pub type Input = crate::completion::Input;
/// Nothing.
pub type Output = ();
