//! The whole sound in every bit rate, from one decode.
//!
//! The sound is brought onto the video's time line, stretched or padded where its own clock drifts
//! or pauses, and cut to the planned length. ffmpeg's AAC encoder starts with 1024 samples of delay;
//! feeding it from sample 1024 on, with time stamps kept, makes its first packet start at zero and
//! every sample play at its own time without an edit list. What it skips is the silence of the lead.

use std::{ffi::OsString, path::Path};

use media::{
    plan::{AudioPlan, ENCODER_DELAY_SAMPLES, Loudness, SAMPLE_RATE},
    source::AudioFacts,
};

use super::{Args, loudness, pads, seconds};
use crate::input::{Input, input_args};

/// Drift from its own time stamps, in seconds, at which sound is filled with silence or cut
/// (`aresample` `min_hard_comp`). Stretching (`async` above 1) is not used: swresample of ffmpeg 5.1
/// answers a step of 21 ms with twenty seconds of extra sound.
const DRIFT_MAX: &str = "0.05";
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
pub(crate) fn audio(input: &Input, plan: &AudioPlan, dirs: &[&Path]) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-threads 1 -copyts -vn -sn -dn").extend(input_args(input));
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
    format!("{},asplit={count}{}", sound(plan, level), pads("a", count))
}

/// The track on the plan's time line, in stereo and of the planned length.
pub(super) fn sound(plan: &AudioPlan, level: Level<'_>) -> String {
    let samples = plan.duration_us.saturating_mul(i64::from(SAMPLE_RATE) / 1000) / 1000;
    let end = samples.max(2 * i64::from(ENCODER_DELAY_SAMPLES));
    let level = match level {
        Level::Brought(loudness) => format!(",{}", loudness::brought(loudness)),
        Level::Kept if plan.mixes_down() => format!(",{FULL_SCALE},{FORM}"),
        Level::Kept | Level::Measured => String::new(),
    };
    format!(
        "{},{FORM}{level},apad=whole_len={end},\
         atrim=start_sample={ENCODER_DELAY_SAMPLES}:end_sample={end}",
        timed(&plan.facts, plan.zero_us, SAMPLE_RATE)
    )
}

/// A track as one or two channels that begin at `zero_us` of the file's own clock.
pub(super) fn timed(facts: &AudioFacts, zero_us: i64, rate: u32) -> String {
    format!(
        "[0:{}]asetpts=PTS-({})/TB,{}aresample={rate}:async=1:min_hard_comp={DRIFT_MAX}:first_pts=0",
        facts.stream,
        seconds(zero_us),
        mix(facts),
    )
}

/// What brings channels to stereo where swresample would not, or not well.
///
/// Its own matrix is that of ITU-R BS.775: centre and surrounds at -3 dB, no low frequency effects.
/// One channel it would put on both sides at -3 dB.
fn mix(facts: &AudioFacts) -> String {
    let layout = facts.layout.as_deref().unwrap_or_default();
    match facts.channels {
        1 => "aformat=channel_layouts=mono,pan=stereo|c0=c0|c1=c0,".to_owned(),
        // Front and sides of a sphere: a left and a right cardioid.
        4.. if layout.starts_with("ambisonic") => {
            "pan=stereo|c0=0.5*c0+0.5*c1|c1=0.5*c0-0.5*c1,".to_owned()
        }
        // ffmpeg guesses a layout for up to eight channels; beyond that, left and right in turn.
        9.. if matches!(layout, "" | "unknown") || layout.ends_with(" channels") => {
            let side = |first: u32| {
                let of: Vec<_> =
                    (first..facts.channels).step_by(2).map(|c| format!("c{c}")).collect();
                of.join("+")
            };
            format!("pan=stereo|c0<{}|c1<{},", side(0), side(1))
        }
        _ => String::new(),
    }
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
        let input = Input::Path("/in/a.mp4".into());
        let args = audio(&input, &plan, &[Path::new("/out/0"), Path::new("/out/1")]);
        expect![[r"
            -threads 1
            -copyts
            -vn
            -sn
            -dn
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp4
            -filter_complex_threads 1
            -filter_complex [0:1]asetpts=PTS-(-0.080000)/TB,aresample=48000:async=1:min_hard_comp=0.05:first_pts=0,aformat=sample_fmts=fltp:channel_layouts=stereo,apad=whole_len=963840,atrim=start_sample=1024:end_sample=963840,asplit=2[a0][a1]
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
