//! The whole sound in every bit rate, from one decode.
//!
//! The samples come through standard input, on the video's time line and of the planned length.
//! ffmpeg's AAC encoder starts with 1024 samples of delay; feeding it from sample 1024 on, with time
//! stamps kept, makes its first packet start at zero and every sample play at its own time without an
//! edit list. What it skips is the silence of the lead.

use std::{ffi::OsString, path::Path};

use media::plan::{AudioPlan, ENCODER_DELAY_SAMPLES, Loudness, SAMPLE_RATE};

use super::{Args, loudness, pads, seconds};

/// What the encoder is given.
pub(super) const FORM: &str = "aformat=sample_fmts=fltp:channel_layouts=stereo";
/// Keeps samples at full scale. Without `level=disabled` it would also raise quiet sound; without
/// `latency` it would delay it.
const FULL_SCALE: &str = "alimiter=level=disabled:latency=1:limit=1";

/// How loud the sound becomes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Level<'a> {
    /// As it is, but never above full scale.
    Kept,
    /// As it is, for a meter.
    Measured,
    /// As loud as was asked for.
    Brought(&'a Loudness),
}

/// Arguments for the sound of a plan; bit rate i writes `index.m3u8`, `init.mp4` and segments into
/// `dirs[i]`, which must exist.
pub(crate) fn audio(plan: &AudioPlan, dirs: &[&Path]) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-threads 1").extend(piped());
    args.pair("-filter_complex_threads", "1").pair("-filter_complex", graph(plan));
    let segment = seconds(plan.grid.micros(u64::from(plan.grid.segment_frames())));
    for (at, (bitrate, dir)) in plan.bitrates.iter().zip(dirs).enumerate() {
        args.pair("-map", format!("[a{at}]")).words("-c:a aac -threads 1");
        args.pair("-b:a", bitrate.bits().to_string());
        args.words("-map_metadata -1 -map_chapters -1 -fflags +bitexact -flags:a +bitexact");
        args.words("-f hls -hls_segment_type fmp4 -hls_playlist_type vod -hls_list_size 0");
        args.pair("-hls_time", segment.clone()).words("-hls_fmp4_init_filename init.mp4");
        args.pair("-hls_segment_filename", dir.join("%d.m4s"));
        args.output(&dir.join("index.m3u8"));
    }
    args.0
}

fn graph(plan: &AudioPlan) -> String {
    let level = plan.loudness.as_ref().map_or(Level::Kept, Level::Brought);
    let count = plan.bitrates.len();
    format!("{},asplit={count}{}", sound(0, plan, level), pads("a", count))
}

/// Opens the samples of a plan on standard input as the next input.
pub(super) fn piped() -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-f f32le").pair("-ar", SAMPLE_RATE.to_string());
    args.words("-ac 2 -protocol_whitelist pipe -i pipe:0");
    args.0
}

/// The samples of input `input`, which are those of a plan, at a level, behind the encoder's delay.
pub(super) fn sound(input: u32, plan: &AudioPlan, level: Level<'_>) -> String {
    let end = plan.samples();
    let level = match level {
        Level::Brought(loudness) => format!(",{}", loudness::brought(loudness)),
        Level::Kept if plan.mixes_down() => format!(",{FULL_SCALE},{FORM}"),
        Level::Kept | Level::Measured => String::new(),
    };
    // What a filter of the level holds back or adds does not change the length.
    format!(
        "[{input}:a]{FORM}{level},apad=whole_len={end},\
         atrim=start_sample={ENCODER_DELAY_SAMPLES}:end_sample={end}"
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use media::{
        options::Options,
        plan::{self, Limits},
    };

    use super::*;
    use crate::args::{joined, test_facts};

    #[test]
    fn two_bit_rates_beside_a_picture() {
        let limits = Limits { parallel_chunks: 2, chunk_seconds: None, ..Limits::default() };
        let options =
            Options { resolutions: Some(vec!["720p".into(), "360p".into()]), ..Options::default() };
        let plan = plan::plan(&test_facts("25", 500), &options, limits).unwrap().audio.remove(0);
        let args = audio(&plan, &[Path::new("/out/0"), Path::new("/out/1")]);
        expect![[r"
            -threads 1
            -f f32le
            -ar 48000
            -ac 2
            -protocol_whitelist pipe
            -i pipe:0
            -filter_complex_threads 1
            -filter_complex [0:a]aformat=sample_fmts=fltp:channel_layouts=stereo,apad=whole_len=963840,atrim=start_sample=1024:end_sample=963840,asplit=2[a0][a1]
            -map [a0]
            -c:a aac
            -threads 1
            -b:a 128000
            -map_metadata -1
            -map_chapters -1
            -fflags +bitexact
            -flags:a +bitexact
            -f hls
            -hls_segment_type fmp4
            -hls_playlist_type vod
            -hls_list_size 0
            -hls_time 6.000000
            -hls_fmp4_init_filename init.mp4
            -hls_segment_filename /out/0/%d.m4s /out/0/index.m3u8
            -map [a1]
            -c:a aac
            -threads 1
            -b:a 64000
            -map_metadata -1
            -map_chapters -1
            -fflags +bitexact
            -flags:a +bitexact
            -f hls
            -hls_segment_type fmp4
            -hls_playlist_type vod
            -hls_list_size 0
            -hls_time 6.000000
            -hls_fmp4_init_filename init.mp4
            -hls_segment_filename /out/1/%d.m4s /out/1/index.m3u8
        "]].assert_eq(&joined(&args));
    }
}
