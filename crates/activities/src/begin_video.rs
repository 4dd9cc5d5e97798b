//! Marks a video as being transcoded. Run twice, the second run finds it marked.
//!
//! An attempt that the catalogue has already closed, as cancelled or as never started, must not go
//! on: its end has been reported. Neither must one at a video that was deleted.

use catalog::Moved;
use contract::{
    ErrorCode,
    begin_video::{Input, Output},
};

use crate::{Deps, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    let begun = match deps.catalog.begin(input.video, input.attempt).await {
        Err(catalog::Error::NotFound { .. }) => {
            return Err(Error::media(ErrorCode::Cancelled, "the video was deleted"));
        }
        begun => begun?,
    };
    match begun {
        Moved::Moved | Moved::Already => Ok(()),
        Moved::Refused { status, attempt } => {
            let message =
                format!("the video is {status} (attempt {attempt}); this attempt is over");
            Err(Error::media(ErrorCode::Cancelled, message))
        }
    }
}
