//! What a ready video consists of.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use media::{plan::Encoder, source::NonStandard};

/// Facts of the source that users see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SourceSummary {
    /// Length of what is played, in seconds.
    pub duration_seconds: f64,
    /// Width in square pixels, upright; absent without pictures.
    pub width: Option<u32>,
    /// Height in square pixels, upright; absent without pictures.
    pub height: Option<u32>,
    /// Frames per second of the output.
    pub fps: Option<f64>,
    /// Codecs of the played tracks, picture first.
    pub codecs: Vec<String>,
    /// Size of the file.
    pub bytes: u64,
    /// Why the source was rewritten first; empty for standard sources.
    #[serde(default)]
    pub non_standard_input_reasons: Vec<NonStandard>,
}

/// What was published. Places in the store are written `bucket/key`; the API turns them into
/// addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outputs {
    /// The master playlist: give this to a player.
    pub master: String,
    /// Video renditions, highest first.
    pub renditions: Vec<RenditionOutput>,
    /// Audio renditions, highest first.
    pub audio: Vec<AudioOutput>,
    /// Frames in every video rendition.
    pub frames: u64,
    /// Sum of the segment durations of the first playlist, in seconds.
    pub duration_seconds: f64,
    /// What encoded the picture, and why; absent without pictures.
    #[serde(default)]
    pub encoder: Option<EncoderOutput>,
    /// Subtitle renditions, in stream order.
    #[serde(default)]
    pub subtitles: Vec<SubtitleOutput>,
    /// The still picture.
    #[serde(default)]
    pub thumbnail: Option<ThumbnailOutput>,
    /// Chapters.
    #[serde(default)]
    pub chapters: Option<ChaptersOutput>,
    /// Progressive files, highest rung first.
    #[serde(default)]
    pub mp4: Vec<Mp4Output>,
    /// What loudness normalization measured and aimed at.
    #[serde(default)]
    pub loudness: Option<LoudnessOutput>,
    /// Peaks of the sound.
    #[serde(default)]
    pub waveform: Option<WaveformOutput>,
    /// The short clip.
    #[serde(default)]
    pub preview: Option<PreviewOutput>,
    /// Pictures for the time bar.
    #[serde(default)]
    pub sprites: Option<SpritesOutput>,
    /// The master copy.
    #[serde(default)]
    pub mezzanine: Option<MezzanineOutput>,
    /// The copy under names of your own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<ExportOutput>,
}

/// One published video rendition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RenditionOutput {
    /// The rung's name.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Peak bits per second, audio included.
    pub bandwidth: u64,
    /// Mean bits per second, audio included.
    pub average_bandwidth: u64,
    /// RFC 6381 codec strings, audio included.
    pub codecs: String,
}

/// One published audio rendition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AudioOutput {
    /// Folder name, `audio-{kbps}`.
    pub name: String,
    /// Peak bits per second.
    pub bandwidth: u64,
    /// Language tag, when the source gives one.
    #[serde(default)]
    pub language: Option<String>,
    /// True for the track that plays unless the user chooses another.
    #[serde(default)]
    pub default: bool,
}

/// What encoded the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EncoderOutput {
    /// `x264` or `nvenc`.
    #[schema(value_type = String, example = "x264")]
    pub name: Encoder,
    /// Why this one.
    pub reason: String,
}

/// One subtitle rendition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubtitleOutput {
    /// Folder name, `subtitles-{track}`.
    pub name: String,
    /// What players show.
    pub label: String,
    /// Language tag, when the source gives one.
    pub language: Option<String>,
    /// True for the track the source marks as default.
    pub default: bool,
    /// True for text that is shown even when subtitles are off.
    pub forced: bool,
    /// Its media playlist.
    pub playlist: String,
    /// Number of cues.
    pub cues: u32,
}

/// The still picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ThumbnailOutput {
    /// The JPEG, at most 1280 wide.
    pub image: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The moment it shows, in seconds; absent for cover art.
    pub at_seconds: Option<f64>,
    /// Further sizes.
    #[serde(default)]
    pub sizes: Vec<ThumbnailSize>,
}

/// A further size of the still picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThumbnailSize {
    /// The JPEG.
    pub image: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

/// Chapters in several forms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChaptersOutput {
    /// As WebVTT.
    pub vtt: String,
    /// As JSON, in the form HLS players read (`com.apple.hls.chapters`).
    pub json: String,
    /// How many.
    pub count: u32,
    /// True when they come from the source, false when they were found in the picture.
    pub from_source: bool,
}

/// A progressive file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Mp4Output {
    /// The rung's name.
    pub name: String,
    /// The file.
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

/// Loudness (EBU R 128) of the source, and the target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoudnessOutput {
    /// Integrated loudness of the source in LUFS.
    pub source_integrated: f64,
    /// True peak of the source in dBTP.
    pub source_true_peak: f64,
    /// Loudness range of the source in LU.
    pub source_range: f64,
    /// Integrated loudness aimed at, in LUFS.
    pub target_integrated: f64,
}

/// Peaks of the sound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaveformOutput {
    /// The peaks, in version 2 of the format of BBC's audiowaveform.
    pub json: String,
    /// A picture of them.
    pub image: String,
}

/// The short clip.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PreviewOutput {
    /// Its master playlist.
    pub playlist: String,
    /// Where in the video it begins, in seconds.
    pub start_seconds: f64,
    /// Its length in seconds.
    pub duration_seconds: f64,
}

/// Pictures for the time bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SpritesOutput {
    /// The index: WebVTT whose texts are addresses of pictures with `#xywh`.
    pub vtt: String,
    /// Pictures shown.
    pub pictures: u32,
    /// Sheets that hold them.
    pub sheets: u32,
}

/// The master copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MezzanineOutput {
    /// The file, in the mezzanine store.
    pub file: String,
    /// Its size.
    pub bytes: u64,
}

/// The copy of a video under the user's names. Everything is a key of its bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ExportOutput {
    /// Name of the bucket: `published`, or that of the bucket the video came with.
    pub bucket: String,
    /// The master playlist.
    pub master: String,
    /// Address of the master playlist, where it is known.
    #[serde(default)]
    #[schema(format = "uri")]
    pub playlist: Option<String>,
    /// Folder of the renditions, one folder each; it is this video's alone. Without one they are
    /// beside the master playlist.
    #[serde(default)]
    pub renditions: Option<String>,
    /// The playlist of the preview.
    #[serde(default)]
    pub preview: Option<String>,
    /// The still picture.
    #[serde(default)]
    pub thumbnail: Option<String>,
    /// Peaks of the sound, as JSON.
    #[serde(default)]
    pub waveform: Option<String>,
    /// A picture of them.
    #[serde(default)]
    pub waveform_image: Option<String>,
    /// The master copy.
    #[serde(default)]
    pub mezzanine: Option<String>,
    /// Progressive files, highest rung first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mp4: Vec<Mp4Output>,
    /// How many objects there are.
    pub files: u64,
    /// Their size together.
    pub bytes: u64,
}

impl Outputs {
    /// What can be played or shown, as name and key: `hls` (the master playlist), each progressive file
    /// by its rung, each media playlist as `hls-{rendition}`, `preview` and `thumbnail`; where the video
    /// was copied to, else in our own store as `bucket/key`.
    pub fn named(&self) -> Vec<(String, String)> {
        let (master, files, preview, thumbnail) = match &self.export {
            Some(export) => (
                export.master.clone(),
                &export.mp4,
                export.preview.clone(),
                export.thumbnail.clone(),
            ),
            None => (
                self.master.clone(),
                &self.mp4,
                self.preview.as_ref().map(|made| made.playlist.clone()),
                self.thumbnail.as_ref().map(|made| made.image.clone()),
            ),
        };
        let beside = || master.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        let export = self.export.as_ref();
        let folder = export.and_then(|export| export.renditions.clone()).unwrap_or_else(beside);
        let files = files.iter().map(|made| (made.name.clone(), made.file.clone()));
        let playlist =
            |name: &String| (format!("hls-{name}"), format!("{folder}/{name}/index.m3u8"));
        let pictures = self.renditions.iter().map(|made| playlist(&made.name));
        let sound = self.audio.iter().map(|made| playlist(&made.name));
        std::iter::once(("hls".to_owned(), master))
            .chain(files)
            .chain(pictures)
            .chain(sound)
            .chain(preview.map(|key| ("preview".to_owned(), key)))
            .chain(thumbnail.map(|key| ("thumbnail".to_owned(), key)))
            .collect()
    }
}
