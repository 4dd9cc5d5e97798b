//! What crosses Temporal: names of workflows, activities and queues, their inputs and outputs, and
//! the closed list of error codes.
//!
//! Changing a type here can break a running job. Fields are added with serde defaults and never
//! change their meaning. Nothing here does anything.

mod address;
pub mod begin_video;
pub mod choose_encoder;
pub mod clean_up;
pub mod compat;
pub mod completion;
pub mod delete_video;
pub mod deletion;
pub mod deliver_webhook;
pub mod delivery;
pub mod download_source;
pub mod encode_audio;
mod error;
mod event;
mod export;
pub mod export_video;
pub mod extract_subtitles;
mod ids;
mod mac;
pub mod make_chapters;
pub mod make_mezzanine;
pub mod make_mp4;
pub mod make_preview;
pub mod make_sprites;
pub mod make_thumbnail;
pub mod make_waveform;
pub mod measure_loudness;
pub mod normalize_source;
mod outputs;
pub mod package_video;
pub mod payload;
pub mod probe_source;
mod progress;
pub mod publish_video;
mod queue;
pub mod record_outcome;
pub mod render_watermark;
pub mod search_attributes;
mod source;
mod status;
pub mod text;
pub mod transcode_chunk;
pub mod tries;
pub mod verify_video;
pub mod video;

pub use address::below;
pub use delivery::DeliveryStatus;
pub use error::{ErrorCode, Failure, Warning};
pub use event::Event;
pub use export::{Destination, Export};
pub use ids::{ApiKeyId, DeliveryId, UploadId, VideoId};
pub use mac::{Mac, Vouched};
pub use outputs::{
    AudioOutput, ChaptersOutput, EncoderOutput, ExportOutput, LoudnessOutput, MezzanineOutput,
    Mp4Output, Outputs, PreviewOutput, RenditionOutput, SourceSummary, SpritesOutput,
    SubtitleOutput, ThumbnailOutput, ThumbnailSize, WaveformOutput,
};
pub use progress::{Phase, Progress, RungProgress};
pub use queue::{TaskQueue, UnknownQueue};
pub use source::{Source, SourceKind, StoredSource};
pub use status::Status;

/// Declares the unit type by which workflows call an activity and workers register it.
macro_rules! activity {
    ($name:literal) => {
        /// Name of the activity type in Temporal.
        pub const NAME: &str = $name;

        /// Marks the activity where it is called and where it is registered.
        pub struct Activity;

        impl temporalio_common::ActivityDefinition for Activity {
            type Input = Input;
            type Output = Output;

            fn name(&self) -> &str {
                NAME
            }
        }
    };
}
pub(crate) use activity;
