//! Identifiers.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident,)*) => { $(
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
        )]
        #[serde(transparent)]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    )* };
}

ids! {
    /// Identifies a video forever, over all its attempts. A `UUIDv7`, so ids sort by creation.
    VideoId,
    /// Identifies an upload.
    UploadId,
    /// Identifies an API key; it is no secret.
    ApiKeyId,
    /// Identifies a webhook's message, over all attempts and replays.
    DeliveryId,
}

impl VideoId {
    /// The workflow that runs attempt `attempt` of this video.
    pub fn workflow_id(self, attempt: u32) -> String {
        format!("video-{self}-{attempt}")
    }

    /// The workflow that removes this video.
    pub fn deletion_workflow_id(self) -> String {
        format!("deletion-{self}")
    }

    /// The workflow that reports how attempt `attempt` ended.
    pub fn completion_workflow_id(self, attempt: u32) -> String {
        format!("completion-{self}-{attempt}")
    }

    /// The video, and its attempt if it has one, that a workflow with this id is about.
    pub fn of_workflow(id: &str) -> Option<(Self, Option<u32>)> {
        let (kind, rest) = id.split_once('-')?;
        if !matches!(kind, "video" | "deletion" | "completion") {
            return None;
        }
        let (video, attempt) = rest.split_at_checked(uuid::fmt::Hyphenated::LENGTH)?;
        let attempt = attempt.strip_prefix('-').and_then(|attempt| attempt.parse().ok());
        Some((video.parse().ok()?, attempt))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow_ids_say_whose_they_are() {
        let video = VideoId(Uuid::from_u128(7));
        assert_eq!(VideoId::of_workflow(&video.workflow_id(2)), Some((video, Some(2))));
        assert_eq!(VideoId::of_workflow(&video.completion_workflow_id(1)), Some((video, Some(1))));
        assert_eq!(VideoId::of_workflow(&video.deletion_workflow_id()), Some((video, None)));
        for other in
            ["", "video", "video-", "video-7-1", "nightly-report-of-everything-that-happened"]
        {
            assert_eq!(VideoId::of_workflow(other), None, "{other}");
        }
    }
}
