//! Activity: draws the watermark once for every rung.

use media::{ladder::Rung, options::WatermarkOption, plan::Watermark};
use serde::{Deserialize, Serialize};

use crate::VideoId;

crate::activity!("render_watermark");

/// What to draw, and how large the pictures are it stands on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// The video it is for.
    pub video: VideoId,
    /// What was requested.
    pub option: WatermarkOption,
    /// The rungs, in ladder order.
    pub rungs: Vec<Rung>,
}

/// One picture per rung, in the store.
pub type Output = Watermark;
