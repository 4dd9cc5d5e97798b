//! How a finished video is reported to clients of the compatible endpoints: the same in a response
//! and in a webhook. Pure translations; nothing here crosses Temporal.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{Failure, Outputs, SourceSummary, Status};

/// Longest error shown to the caller, in bytes.
const ERROR_BYTES_MAX: usize = 2048;

/// Something a job made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Profile {
    /// `hls` for the master playlist, the name of a rung for its MP4, `hls-` and the name of a rendition
    /// for its playlist, `preview` or `thumbnail`.
    #[schema(example = "720p")]
    pub profile: String,
    /// Its key.
    pub key: String,
}

/// What a job has made; empty until it is finished.
pub fn profiles(outputs: Option<&Outputs>) -> Vec<Profile> {
    let named = outputs.map(Outputs::named).unwrap_or_default();
    named.into_iter().map(|(profile, key)| Profile { profile, key }).collect()
}

/// Where a job of `/api/transcode` stands.
pub fn transcode_status(status: Status) -> &'static str {
    match status {
        Status::Uploading | Status::Uploaded => "queued",
        Status::Transcoding => "processing",
        Status::Ready => "complete",
        Status::Failed | Status::Cancelled => "failed",
    }
}

/// Where a job of `/v2` stands.
pub fn runpod_status(status: Status) -> &'static str {
    match status {
        Status::Uploading | Status::Uploaded => "IN_QUEUE",
        Status::Transcoding => "IN_PROGRESS",
        Status::Ready => "COMPLETED",
        Status::Failed => "FAILED",
        Status::Cancelled => "CANCELLED",
    }
}

/// Why a job has no result, in at most 2 KiB.
pub fn error(status: Status, failure: Option<&Failure>) -> Option<String> {
    let text = match (status, failure) {
        (Status::Cancelled, _) => "cancelled: the job was cancelled".to_owned(),
        (_, failure) => failure.map(|failure| format!("{}: {}", failure.code, failure.message))?,
    };
    let mut end = text.len().min(ERROR_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Some(text[..end].to_owned())
}

/// The result of a job of `/v2`. Keys are those of the caller's buckets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RunpodResult {
    /// `completed` or `failed`.
    #[schema(example = "completed")]
    pub status: String,
    /// The caller's id of the video.
    pub media_id: String,
    /// The master playlist.
    pub hls_master_playlist_key: Option<String>,
    /// The playlist of the preview.
    pub hls_preview_key: Option<String>,
    /// The still picture.
    pub thumbnail_key: Option<String>,
    /// Peaks of the sound, as JSON.
    pub waveform_key: Option<String>,
    /// A picture of them.
    pub waveform_image_key: Option<String>,
    /// The master copy.
    pub mezzanine_key: Option<String>,
    /// Length in whole seconds, rounded down.
    pub duration_seconds: Option<u64>,
    /// Width of the source in pixels.
    pub width: Option<u32>,
    /// Height of the source in pixels.
    pub height: Option<u32>,
    /// Names of the renditions, highest first.
    pub ready_variants: Vec<String>,
    /// Why it failed, in at most 2 KiB.
    pub error: Option<String>,
}

impl RunpodResult {
    /// The result of a video that has ended.
    pub fn new(
        media_id: &str,
        status: Status,
        summary: Option<&SourceSummary>,
        outputs: Option<&Outputs>,
        failure: Option<&Failure>,
    ) -> Self {
        let export = outputs.and_then(|outputs| outputs.export.clone());
        let master = export.as_ref().map(|export| export.master.clone());
        let export = export.unwrap_or_default();
        let rungs = outputs.iter().flat_map(|made| made.renditions.iter().map(|made| &made.name));
        let mut variants: Vec<String> = rungs.cloned().collect();
        if variants.is_empty() {
            let sound = outputs.iter().flat_map(|made| &made.audio);
            let name = |name: &str| name.strip_prefix("audio-").map(|kbps| format!("{kbps}k"));
            variants = sound.filter_map(|made| name(&made.name)).collect();
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration")]
        let seconds = summary.map(|summary| summary.duration_seconds.max(0.0) as u64);
        let told = if status == Status::Ready { "completed" } else { "failed" };
        Self {
            status: told.to_owned(),
            media_id: media_id.to_owned(),
            hls_master_playlist_key: master,
            hls_preview_key: export.preview,
            thumbnail_key: export.thumbnail,
            waveform_key: export.waveform,
            waveform_image_key: export.waveform_image,
            mezzanine_key: export.mezzanine,
            duration_seconds: seconds,
            width: summary.and_then(|summary| summary.width),
            height: summary.and_then(|summary| summary.height),
            ready_variants: variants,
            error: error(status, failure),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn an_error_is_cut_between_characters() {
        let failure = Failure { code: ErrorCode::Internal, message: "é".repeat(2000) };
        let told = error(Status::Failed, Some(&failure)).unwrap();
        assert!(told.starts_with("internal: é") && (2047..=2048).contains(&told.len()));
        assert_eq!(error(Status::Ready, None), None);
        assert!(error(Status::Cancelled, None).unwrap().starts_with("cancelled"));
    }
}
