//! The plan of a video: what is encoded, in which pieces. A pure function of probe and options.
//!
//! A plan never lists its chunks: chunk i is computed from its index, so a plan of ten hours is as
//! small as one of ten seconds.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{
    bitrate::Bitrate,
    bounds::SourceLimits,
    ladder::{self, Rung},
    options::{InvalidOption, LoudnessOption, Options, Position, Preset},
    rate::{FrameRate, Grid},
    source::{AudioFacts, SourceFacts, VideoFacts},
};

/// Chunks of one video at most. About seven history events each keep ten hours below 5,000.
const CHUNKS_MAX: u32 = 600;
/// Segments of a chunk, 12 s of media: long enough that starting an encoder and decoding up to the
/// chunk's first picture cost little beside encoding it.
pub const CHUNK_SEGMENTS: u32 = 2;
/// Chunks of a short video, if it has so many segments: enough to occupy a small machine.
const CHUNKS_OF_SHORT: u32 = 4;
/// Sound that outlasts the picture by less than this is cut with it; files end that unevenly only
/// because their audio frames do not divide the last picture.
const AUDIO_TAIL_US: i64 = 250_000;
/// Frames by which everything is shown after its decode time: the B-frame delay of x264.
///
/// Composition offsets then are never negative, which libavformat would read as a delay of the
/// picture alone, and no edit list is needed, which some readers ignore. Sound gets as much silence
/// in front.
pub const LEAD_FRAMES: u32 = 2;
/// Samples of silence in front of sound without pictures: the delay of ffmpeg's AAC encoder, which
/// replaces the first samples it is given (libavcodec/aacenc.c, `initial_padding`).
pub const ENCODER_DELAY_SAMPLES: u32 = 1024;
/// Output sample rate of audio in hertz.
pub const SAMPLE_RATE: u32 = 48_000;
/// Bit rates of a source without pictures.
const AUDIO_ONLY: [Bitrate; 2] = [Bitrate::kilobits(128), Bitrate::kilobits(64)];

/// What the deployment allows one video.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Chunks of one video encoded at the same time.
    pub parallel_chunks: u32,
    /// Overrides the chunk length, in seconds of media; rounded up to whole segments.
    pub chunk_seconds: Option<u32>,
    /// Overrides how long a finished video waits for a short enhancement, in seconds.
    #[serde(default)]
    pub enhancement_seconds: Option<u32>,
    /// Chunks of one video that are waiting for a worker or being encoded at the same time;
    /// `parallel_chunks` by default. More lets a video use every worker there is, and be finished
    /// before those that were submitted later.
    #[serde(default)]
    pub queued_chunks: Option<u32>,
    /// What a source may be; checked before anything is decoded.
    #[serde(default)]
    pub source: SourceLimits,
    /// Segments of a chunk, unless the video is very short or very long. `None` in jobs of versions
    /// that balanced the number of chunks for `parallel_chunks`, and gave threads to each.
    #[serde(default)]
    pub chunk_segments: Option<u32>,
}

/// Everything the encoders need to know.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The picture part, unless the source is audio only.
    pub video: Option<VideoPlan>,
    /// The sound part, one entry per track, the one that plays by default first; empty for silent
    /// sources.
    pub audio: Vec<AudioPlan>,
    /// What was requested and cannot be made, for the video's `warnings`.
    pub warnings: Vec<Warning>,
}

/// Something requested that could not be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What was left out, in words.
    pub message: String,
    /// What kind of thing it is.
    #[serde(default)]
    pub kind: WarningKind,
}

/// What a plan leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningKind {
    /// A rung that is larger than the source.
    #[default]
    Rung,
    /// A track of sound that nothing here decodes.
    Sound,
}

/// The picture part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VideoPlan {
    /// The track to read.
    pub facts: VideoFacts,
    /// ffmpeg's `start_time` of the file in microseconds: what `-ss` counts from.
    pub container_start_us: i64,
    /// The output grid.
    pub grid: Grid,
    /// Renditions to make, highest first.
    pub rungs: Vec<Rung>,
    /// x264 preset.
    pub preset: Preset,
    /// Number of chunks.
    pub chunks: u32,
    /// Encoder threads per rung within a chunk, at least. One, as a plan knows no machine; plans of
    /// older versions have more where their chunks were few. See [`VideoPlan::threads_for`].
    pub threads: u32,
    /// What encodes every chunk.
    #[serde(default)]
    pub encoder: Encoder,
    /// What is laid over every picture.
    #[serde(default)]
    pub watermark: Option<Watermark>,
}

/// What encodes the picture. One video never mixes them: their parameter sets differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoder {
    /// libx264.
    #[default]
    X264,
    /// `h264_nvenc`.
    Nvenc,
}

/// A watermark, drawn once for every rung.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watermark {
    /// Its status.
    pub position: Position,
    /// One mark per rung, in ladder order.
    pub marks: Vec<Mark>,
}

/// The mark of one rung: a PNG with transparency, its opacity included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Bucket of the PNG.
    pub bucket: String,
    /// Key of the PNG.
    pub key: String,
    /// Distance from the edges, in pixels of the rung.
    pub margin: u32,
}

/// The sound part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioPlan {
    /// The track to read.
    pub facts: AudioFacts,
    /// Renditions to make, highest first.
    pub bitrates: Vec<Bitrate>,
    /// Instant on the file's own clock that becomes zero, in microseconds: the first picture less
    /// [`LEAD_FRAMES`].
    pub zero_us: i64,
    /// Length of the output in microseconds.
    pub duration_us: i64,
    /// Rate and length of the grid its segments follow: that of the picture, or 25 fps without one.
    pub grid: Grid,
    /// Position among the tracks that are made; 0 plays by default.
    #[serde(default)]
    pub track: u32,
    /// How it reaches the wanted loudness.
    #[serde(default)]
    pub loudness: Option<Loudness>,
}

/// What was measured and what is wanted: the second pass of loudness normalization.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// What is wanted.
    pub target: LoudnessOption,
    /// Measured integrated loudness in LUFS.
    pub integrated: f64,
    /// Measured true peak in dBTP.
    pub true_peak: f64,
    /// Measured loudness range in LU.
    pub range: f64,
    /// Measured gating threshold in LUFS.
    pub threshold: f64,
    /// Gain in dB that reaches the target.
    pub offset: f64,
}

impl AudioPlan {
    /// Length of the output in samples; never so short that nothing is left behind the encoder's
    /// delay.
    pub fn samples(&self) -> u64 {
        let us = self.duration_us.max(0).unsigned_abs();
        let samples = us.saturating_mul(u64::from(SAMPLE_RATE) / 1000) / 1000;
        samples.max(2 * u64::from(ENCODER_DELAY_SAMPLES))
    }

    /// Folder of a bit rate under `outputs/`, and its name in the master playlist.
    pub fn folder(&self, bitrate: Bitrate) -> String {
        match self.track {
            0 => format!("audio-{}", bitrate.kbps()),
            track => format!("audio-{}-{track}", bitrate.kbps()),
        }
    }
}

/// Why no plan can be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unplannable {
    /// Neither pictures nor sound.
    #[error("the source has neither a video nor an audio track that can be played")]
    NoStreams,
    /// An option that cannot be met.
    #[error(transparent)]
    Option(#[from] InvalidOption),
}

/// Plans a video.
pub fn plan(facts: &SourceFacts, options: &Options, limits: Limits) -> Result<Plan, Unplannable> {
    let asked = ladder::requested(options)?;
    // The built-in ladder fits itself to the source; only who named a rung misses it.
    let named = options.ladder.is_some() || options.resolutions.is_some();
    let mut warnings = Vec::new();
    let video = facts.video.as_ref().map(|video| {
        let fitted = ladder::fit(&asked, video.display_size());
        let missed = fitted.dropped.iter().filter(|_| named);
        warnings.extend(missed.map(|name| Warning {
            message: format!("{name} was left out: the source is smaller, and nothing is enlarged"),
            kind: WarningKind::Rung,
        }));
        video_plan(video, facts.container_start_us, fitted.rungs, options, limits)
    });
    warnings.extend(undecodable(facts));
    let tracks = facts.played_audio(options.audio_tracks.unwrap_or_default());
    let audio: Vec<AudioPlan> = (0..)
        .zip(tracks)
        .map(|(track, audio)| audio_plan(audio, track, video.as_ref(), facts.start_us()))
        .collect();
    if video.is_none() && audio.is_empty() {
        return Err(Unplannable::NoStreams);
    }
    Ok(Plan { video, audio, warnings })
}

/// A warning for each track of sound that is left out because nothing here decodes it.
fn undecodable(facts: &SourceFacts) -> impl Iterator<Item = Warning> {
    let tracks = (1..).zip(&facts.audio).filter(|(_, audio)| audio.packets > 0);
    tracks.filter_map(|(number, audio)| {
        let codec = audio.undecodable.as_ref()?;
        let message =
            format!("track {number} of the sound was left out: nothing here decodes `{codec}`");
        Some(Warning { message, kind: WarningKind::Sound })
    })
}

impl VideoPlan {
    /// Encoder threads per rung on a worker that encodes `slots` chunks at the same time: more than one
    /// only where the video has too few chunks to occupy it.
    pub fn threads_for(&self, slots: u32) -> u32 {
        let chunks = self.chunks.max(1);
        let fills = if chunks >= slots { 1 } else { slots.div_ceil(chunks) };
        fills.max(self.threads)
    }

    /// Frames of chunk `index`: whole segments, all chunks equally long to within one segment.
    pub fn chunk(&self, index: u32) -> Range<u64> {
        let segments = self.chunk_segments(index);
        self.grid.segment_start(segments.start)..self.grid.segment_start(segments.end)
    }

    /// Segments of chunk `index`, counted over the whole video.
    pub fn chunk_segments(&self, index: u32) -> Range<u32> {
        let (all, chunks) = (self.grid.segments(), self.chunks.max(1));
        let (each, longer) = (all / chunks, all % chunks);
        let start = |i: u32| i * each + i.min(longer);
        start(index.min(chunks))..start((index + 1).min(chunks))
    }
}

fn video_plan(
    facts: &VideoFacts,
    container_start_us: i64,
    rungs: Vec<Rung>,
    options: &Options,
    limits: Limits,
) -> VideoPlan {
    let grid = facts.timeline.grid();
    let chunks = chunk_count(grid, limits);
    let slots = limits.parallel_chunks.max(1);
    let balanced = limits.chunk_segments.is_none() && chunks < slots;
    VideoPlan {
        facts: facts.clone(),
        container_start_us,
        grid,
        rungs,
        preset: options.preset.unwrap_or_default(),
        chunks,
        threads: if balanced { slots.div_ceil(chunks) } else { 1 },
        encoder: Encoder::default(),
        watermark: None,
    }
}

/// As many chunks as the length rules give. In jobs of older versions rounded to whole rounds of
/// `parallel_chunks`, so that a history of theirs is replayed as it was recorded.
fn chunk_count(grid: Grid, limits: Limits) -> u32 {
    let segments = grid.segments().max(1);
    if let Some(seconds) = limits.chunk_seconds {
        let segment = grid.seconds(u64::from(grid.segment_frames()));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive number"
        )]
        let each = ((f64::from(seconds) / segment) - 0.01).ceil().max(1.0) as u32;
        return segments.div_ceil(each);
    }
    let wanted = limits.chunk_segments.unwrap_or(CHUNK_SEGMENTS).max(1);
    let each = segments.div_ceil(CHUNKS_MAX).max(wanted);
    let chunks = segments.div_ceil(each);
    if limits.chunk_segments.is_some() {
        return chunks.max(segments.min(CHUNKS_OF_SHORT));
    }
    let slots = limits.parallel_chunks.max(1);
    match chunks / slots {
        0 => slots.min(segments),
        rounds @ 1..=4 => rounds * slots,
        _ => chunks,
    }
}

fn audio_plan(
    facts: &AudioFacts,
    track: u32,
    video: Option<&VideoPlan>,
    start_us: i64,
) -> AudioPlan {
    let sound_us = (facts.end_us - start_us).max(0);
    let plan = |bitrates, lead_us: i64, length_us: i64, grid| AudioPlan {
        facts: facts.clone(),
        bitrates,
        zero_us: start_us - lead_us,
        duration_us: length_us + lead_us,
        grid,
        track,
        loudness: None,
    };
    let Some(video) = video else {
        let rate = FrameRate::TWENTY_FIVE;
        let frames = sound_us.unsigned_abs().saturating_mul(25).div_ceil(1_000_000).max(1);
        let lead_us = i64::from(ENCODER_DELAY_SAMPLES) * 1_000_000 / i64::from(SAMPLE_RATE);
        return plan(AUDIO_ONLY.to_vec(), lead_us, sound_us, Grid { rate, frames });
    };
    let picture_us = video.grid.micros(video.grid.frames);
    let length_us = if sound_us > picture_us + AUDIO_TAIL_US { sound_us } else { picture_us };
    let mut bitrates: Vec<Bitrate> = video.rungs.iter().map(|rung| rung.audio_bitrate).collect();
    bitrates.sort_unstable_by(|a, b| b.cmp(a));
    bitrates.dedup();
    plan(bitrates, video.grid.micros(u64::from(LEAD_FRAMES)), length_us, video.grid)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::fixtures::{audio, source};

    const LIMITS: Limits = Limits {
        parallel_chunks: 2,
        chunk_seconds: None,
        enhancement_seconds: None,
        queued_chunks: None,
        source: SourceLimits::NONE,
        chunk_segments: None,
    };

    fn planned(rate: &str, frames: u64, limits: Limits) -> VideoPlan {
        plan(&source(rate, frames), &Options::default(), limits).unwrap().video.unwrap()
    }

    proptest! {
        #[test]
        fn chunks_cover_every_frame_once(frames in 1u64..3_000_000, slots in 1u32..64, rate in 0usize..4, chunk_segments in proptest::option::of(1u32..4)) {
            let rate = ["24", "30000/1001", "25", "60"][rate];
            let plan = planned(rate, frames, Limits { parallel_chunks: slots, chunk_segments, ..Limits::default() });
            let mut next = 0;
            for index in 0..plan.chunks {
                let chunk = plan.chunk(index);
                prop_assert_eq!(chunk.start, next);
                prop_assert!(chunk.end > chunk.start);
                prop_assert_eq!(chunk.start % u64::from(plan.grid.segment_frames()), 0);
                next = chunk.end;
            }
            prop_assert_eq!(next, frames);
            prop_assert!(plan.chunks <= CHUNKS_MAX.max(slots));
        }
    }

    #[test]
    fn ten_hours_stay_within_the_budgets() {
        let facts = source("60000/1001", 10 * 3600 * 60_000 / 1001);
        let plan = plan(&facts, &Options::default(), LIMITS).unwrap();
        let video = plan.video.as_ref().unwrap();
        // Scheduled, started, completed, and at most one workflow task (three events) per chunk,
        // with a tenth of them retried; 200 events for everything else.
        let events = 6 * video.chunks * 11 / 10 + 200;
        assert!(events <= 10_000, "{events} events");
        assert!(video.chunks <= CHUNKS_MAX);
        let bytes = serde_json::to_vec(&plan).unwrap().len();
        assert!(bytes <= 4096, "{bytes} bytes of plan");
        let seconds = video.grid.seconds(video.chunk(0).end);
        assert!((59.0..=67.0).contains(&seconds), "chunks of {seconds} s");
    }

    #[test]
    fn only_a_rung_that_was_named_is_missed() {
        let mut facts = source("25", 250);
        let video = facts.video.as_mut().unwrap();
        (video.coded_width, video.coded_height) = (854, 480);
        let warnings = |options: &Options| plan(&facts, options, LIMITS).unwrap().warnings.len();
        assert_eq!(warnings(&Options::default()), 0);
        let names = vec!["1080p".to_owned(), "480p".to_owned()];
        assert_eq!(warnings(&Options { resolutions: Some(names), ..Options::default() }), 1);
        let rung = serde_json::json!({"name": "big", "height": 720, "bitrate": "3M"});
        let ladder = Some(vec![serde_json::from_value(rung).unwrap()]);
        assert_eq!(warnings(&Options { ladder, ..Options::default() }), 1);
    }

    #[test]
    fn jobs_from_before_sources_had_limits_have_none() {
        let old: Limits =
            serde_json::from_str(r#"{"parallel_chunks": 2, "chunk_seconds": null}"#).unwrap();
        assert_eq!(old.source, SourceLimits::default());
    }

    #[test]
    fn a_plan_knows_no_machine() {
        let seconds = |seconds: u64, parallel_chunks| {
            let chunk_segments = Some(CHUNK_SEGMENTS);
            let limits = Limits { parallel_chunks, chunk_segments, ..Limits::default() };
            planned("30", seconds * 30, limits)
        };
        // Lengths with a segment of 6 s: 1, 2, 4, 5, 9, 12, 600 and 6000 segments.
        let rows =
            [(5, 1), (12, 2), (24, 4), (30, 4), (49, 5), (72, 6), (3600, 300), (36_000, 600)];
        for (length, chunks) in rows {
            let plan = seconds(length, 1);
            assert_eq!(plan.chunks, chunks, "{length} s");
            assert_eq!(plan.threads, 1);
            for cores in [2, 8, 64] {
                assert_eq!(seconds(length, cores), plan, "{length} s asked for on {cores} cores");
            }
        }
        // What a worker adds: a video of few chunks keeps its cores busy.
        let threads = |length, slots| seconds(length, 1).threads_for(slots);
        assert_eq!([threads(5, 1), threads(5, 2), threads(5, 8), threads(30, 8)], [1, 2, 8, 2]);
        assert_eq!(threads(3600, 64), 1);
        assert_eq!(planned("30", 150, LIMITS).threads_for(1), 2, "as an older plan decided");
    }

    #[test]
    fn short_videos_of_older_jobs_fill_the_slots() {
        let chunks = |seconds: u64, slots| {
            planned(
                "30",
                seconds * 30,
                Limits { parallel_chunks: slots, chunk_seconds: None, ..Limits::default() },
            )
            .chunks
        };
        assert_eq!(chunks(49, 2), 4);
        assert_eq!(chunks(49, 8), 8);
        assert_eq!(chunks(5, 2), 1);
        assert_eq!(planned("30", 150, LIMITS).threads, 2);
        assert_eq!(planned("30", 1500, LIMITS).threads, 1);
    }

    #[test]
    fn forced_chunks_are_whole_segments() {
        let forced = |seconds| {
            planned(
                "30000/1001",
                1500,
                Limits { parallel_chunks: 2, chunk_seconds: Some(seconds), ..Limits::default() },
            )
        };
        assert_eq!(forced(6).chunks, 9);
        assert_eq!(forced(12).chunks, 5);
    }

    #[test]
    fn sound_that_nobody_decodes_is_a_warning() {
        let mut facts = source("25", 250);
        facts.audio[0].undecodable = Some("ac-4".into());
        let plan = plan(&facts, &Options::default(), LIMITS).unwrap();
        assert!(plan.audio.is_empty());
        let warning = plan.warnings.last().unwrap();
        assert!(warning.kind == WarningKind::Sound && warning.message.contains("`ac-4`"));
    }

    #[test]
    fn sound_follows_the_picture_unless_it_goes_on() {
        let mut facts = source("25", 250);
        facts.audio = vec![audio(0, 9_900_000)];
        let lasting = |facts: &SourceFacts| {
            plan(facts, &Options::default(), LIMITS).unwrap().audio[0].duration_us
        };
        assert_eq!(lasting(&facts), 10_080_000);
        facts.audio[0].end_us = 10_200_000;
        assert_eq!(lasting(&facts), 10_080_000);
        facts.audio[0].end_us = 14_000_000;
        assert_eq!(lasting(&facts), 14_080_000);
    }
}
