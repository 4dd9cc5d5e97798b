//! Flags for the limits of a source and the cutting of a video.

use clap::Args;
use media::bounds::{
    CHAPTERS_MAX, CUES_MAX, FPS_MAX, FRAMES_MAX, GIGAPIXELS_MAX, OUTPUT_RATIO_MAX, SourceLimits,
    TRACKS_MAX,
};

/// How a video is cut, and what its source may be.
#[derive(Debug, Args)]
pub(crate) struct LimitArgs {
    /// Most chunks of one video that are encoded at the same time; as many as workers take by
    /// default.
    #[arg(long, env = "MILLRACE_PARALLEL_CHUNKS")]
    pub(crate) parallel_chunks: Option<u32>,
    /// Length of chunks in seconds of media; depends on the length of the video by default.
    #[arg(long, env = "MILLRACE_CHUNK_SECONDS")]
    pub(crate) chunk_seconds: Option<u32>,
    /// Seconds that a finished ladder waits for thumbnails and other enhancements; a twentieth of
    /// the video's length by default, at least a minute.
    #[arg(long, env = "MILLRACE_ENHANCEMENT_SECONDS")]
    pub(crate) enhancement_seconds: Option<u32>,
    /// Longest source, such as `12h`, `90m` or `30s`.
    #[arg(long, env = "MILLRACE_MAX_DURATION", value_parser = seconds, default_value = "12h")]
    max_duration: u32,
    /// Most frames per second of a source, on average.
    #[arg(long, env = "MILLRACE_MAX_FPS", default_value_t = FPS_MAX)]
    max_fps: u32,
    /// Most pixels in all pictures of a source together, in thousands of millions: the cost of
    /// decoding.
    #[arg(long, env = "MILLRACE_MAX_DECODED_GIGAPIXELS", default_value_t = GIGAPIXELS_MAX)]
    max_decoded_gigapixels: u64,
    /// Most frames of the output: where pictures come at uneven times, more than the source has.
    #[arg(long, env = "MILLRACE_MAX_FRAMES", default_value_t = FRAMES_MAX)]
    max_frames: u64,
    /// Most of a track of sound that holds no sound, such as `12h`: it is filled with silence.
    #[arg(long, env = "MILLRACE_MAX_GAP", value_parser = seconds, default_value = "12h")]
    max_gap: u32,
    /// Most tracks of a source, cover pictures and subtitles included.
    #[arg(long, env = "MILLRACE_MAX_TRACKS", default_value_t = TRACKS_MAX)]
    max_tracks: u32,
    /// Most chapters of a source.
    #[arg(long, env = "MILLRACE_MAX_CHAPTERS", default_value_t = CHAPTERS_MAX)]
    max_chapters: u32,
    /// Most texts of one subtitle track.
    #[arg(long, env = "MILLRACE_MAX_CUES", default_value_t = CUES_MAX)]
    max_cues: u32,
    /// Most bytes of renditions for each byte of the source, beside a GiB for any source.
    #[arg(long, env = "MILLRACE_MAX_OUTPUT_RATIO", default_value_t = OUTPUT_RATIO_MAX)]
    max_output_ratio: u32,
    #[command(flatten)]
    pub(crate) pixels: MaxPixels,
}

/// The largest picture. Decoders are given it, so it is a flag of workers too.
#[derive(Debug, Args)]
pub(crate) struct MaxPixels {
    /// Most pixels of a picture of a source, as a number or as a size.
    #[arg(id = "max_pixels", long = "max-pixels", env = "MILLRACE_MAX_PIXELS", value_parser = pixels,
        default_value = "8192x4320")]
    pub(crate) most: u64,
}

impl LimitArgs {
    /// What a source may be.
    pub(crate) fn source(&self) -> SourceLimits {
        SourceLimits {
            duration_seconds: Some(self.max_duration),
            pixels: Some(self.pixels.most),
            fps: Some(self.max_fps),
            gigapixels: Some(self.max_decoded_gigapixels),
            frames: Some(self.max_frames),
            gap_seconds: Some(self.max_gap),
            tracks: Some(self.max_tracks),
            chapters: Some(self.max_chapters),
            cues: Some(self.max_cues),
            output_ratio: Some(self.max_output_ratio),
        }
    }
}

fn seconds(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.as_bytes().last() {
        Some(b'h') => (&text[..text.len() - 1], 3600),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b's') => (&text[..text.len() - 1], 1),
        _ => (text, 1),
    };
    let seconds = number.parse().ok().and_then(|number: u32| number.checked_mul(unit));
    let seconds = seconds.filter(|&seconds| seconds > 0);
    seconds.ok_or_else(|| "write a length such as 12h, 90m or 30s".to_owned())
}

fn pixels(text: &str) -> Result<u64, String> {
    let number = |text: &str| text.parse::<u64>().ok().filter(|&number| number > 0);
    let pixels = match text.split_once('x') {
        Some((width, height)) => {
            number(width).zip(number(height)).and_then(|(width, height)| width.checked_mul(height))
        }
        None => number(text),
    };
    pixels.ok_or_else(|| "write a number, or a size such as 8192x4320".to_owned())
}

#[cfg(test)]
mod tests {
    use media::bounds::{DURATION_SECONDS_MAX, GAP_SECONDS_MAX, PIXELS_MAX};

    use super::*;

    #[test]
    fn lengths_and_sizes_as_people_write_them() {
        assert_eq!(seconds("12h"), Ok(DURATION_SECONDS_MAX));
        assert_eq!(seconds("12h"), Ok(GAP_SECONDS_MAX));
        assert_eq!((seconds("90m"), seconds("30s"), seconds("7")), (Ok(5400), Ok(30), Ok(7)));
        assert_eq!((pixels("8192x4320"), pixels("100")), (Ok(PIXELS_MAX), Ok(100)));
        for text in ["", "h", "0", "-1h", "1.5h", "12d", "9999999999h"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for text in ["", "x", "0x1", "1x", "-1", "8k"] {
            assert!(pixels(text).is_err(), "{text}");
        }
    }
}
