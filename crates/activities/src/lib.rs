//! Does the work that `contract` names: one file per activity, each thin.
//!
//! An activity reads its input, calls `ffmpeg`, `storage`, `fetch` or `catalog`, and writes its
//! result. Run twice it finds its finished result and returns it. It decides nothing about what
//! happens next, and nothing here knows a workflow.

mod begin_video;
mod clean_up;
mod deps;
mod download_source;
mod encode_audio;
mod failure;
mod fingerprint;
mod manifests;
mod normalize_source;
mod package_video;
mod probe_source;
mod publish_video;
mod pulse;
mod record_outcome;
mod register;
mod segments;
mod transcode_chunk;
mod verify_video;

pub use deps::Deps;
pub use register::{
    DownloadActivities, MetadataActivities, NotifyActivities, PlaylistActivities,
    TranscodeActivities,
};
