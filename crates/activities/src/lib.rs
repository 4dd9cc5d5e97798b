//! Does the work that `contract` names: one file per activity, each thin.
//!
//! An activity reads its input, calls `ffmpeg`, `storage`, `fetch` or `catalog`, and writes its
//! result. Run twice it finds its finished result and returns it. It decides nothing about what
//! happens next, and nothing here knows a workflow.

mod begin_video;
mod choose_encoder;
mod clean_up;
mod delete_video;
mod deliver_webhook;
mod deps;
mod download_source;
mod encode_audio;
mod export_video;
mod extract_subtitles;
mod failure;
mod fingerprint;
mod fitness;
mod given;
mod make_chapters;
mod make_mezzanine;
mod make_mp4;
mod make_preview;
mod make_sprites;
mod make_thumbnail;
mod make_waveform;
mod manifests;
mod measure_loudness;
mod normalize_source;
mod observe;
mod package_video;
mod partial_downloads;
mod parts;
mod places;
mod probe_source;
mod publish_video;
mod pulse;
mod record_outcome;
mod register;
mod render_watermark;
mod room;
mod segments;
mod source;
#[cfg(test)]
mod studio;
mod tally;
mod transcode_chunk;
mod turns;
mod uses;
mod verify_video;
mod webhook;

pub use deliver_webhook::Webhooks;
pub use deps::Deps;
pub use partial_downloads::keep_swept;
pub use register::{
    DownloadActivities, MetadataActivities, NotifyActivities, PlaylistActivities, ScenesActivities,
    ThumbnailActivities, TranscodeActivities,
};
pub use turns::Turns;
pub use uses::{Part, uses};
