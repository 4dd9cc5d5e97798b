//! What a webhook reports.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Status;

/// What a webhook reports: how an attempt at a video ended.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
pub enum Event {
    /// The video is published.
    #[serde(rename = "video.ready")]
    Ready,
    /// The attempt ended without a result.
    #[serde(rename = "video.failed")]
    Failed,
    /// The video was stopped by the user.
    #[serde(rename = "video.cancelled")]
    Cancelled,
}

impl Event {
    /// Every event.
    pub const ALL: [Self; 3] = [Self::Ready, Self::Failed, Self::Cancelled];

    /// The event as written in messages, in the API and in the catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "video.ready",
            Self::Failed => "video.failed",
            Self::Cancelled => "video.cancelled",
        }
    }

    /// The event for a status that a video reaches; `None` if there is none.
    pub fn of(status: Status) -> Option<Self> {
        match status {
            Status::Ready => Some(Self::Ready),
            Status::Failed => Some(Self::Failed),
            Status::Cancelled => Some(Self::Cancelled),
            Status::Uploading | Status::Uploaded | Status::Transcoding => None,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that is not an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an event; they are {known}", known = Event::ALL.map(Event::as_str).join(", "))]
pub struct UnknownEvent(String);

impl std::str::FromStr for Event {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        let found = Self::ALL.into_iter().find(|event| event.as_str() == text);
        found.ok_or_else(|| UnknownEvent(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_of_a_video_is_an_event() {
        for status in Status::ALL {
            let told = Event::of(status).map(Event::as_str);
            let expected = status.is_final().then(|| format!("video.{status}"));
            assert_eq!(told, expected.as_deref());
        }
    }

    #[test]
    fn events_are_read_as_they_are_written() {
        for event in Event::ALL {
            assert_eq!(event.as_str().parse(), Ok(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.as_str());
        }
        assert!("ready".parse::<Event>().is_err());
    }
}
