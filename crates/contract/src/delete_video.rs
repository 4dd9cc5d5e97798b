//! Activity: removes every object of a video that has ended, and then its row.

crate::activity!("delete_video");

/// What to remove.
pub type Input = crate::deletion::Input;
/// Objects removed.
pub type Output = u64;
