//! The whole sound in every bit rate, from one decode.
//!
//! The sound is brought onto the video's time line, stretched or padded where its own clock drifts
//! or pauses, and cut to the planned length. ffmpeg's AAC encoder starts with 1024 samples of delay;
//! feeding it from sample 1024 on, with time stamps kept, makes its first packet start at zero and
//! every sample play at its own time without an edit list. What it skips is the silence of the lead.

use std::{ffi::OsString, path::Path};

use media::plan::{AudioPlan, ENCODER_DELAY_SAMPLES, SAMPLE_RATE};

use super::{Args, pads, seconds};
use crate::input::{Input, input_args};

/// Drift from its own time stamps, in seconds, at which sound is filled with silence or cut
/// (`aresample` `min_hard_comp`). Stretching (`async` above 1) is not used: swresample of ffmpeg 5.1
/// answers a step of 21 ms with twenty seconds of extra sound.
const DRIFT_MAX: &str = "0.05";

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
    let samples = plan.duration_us.saturating_mul(i64::from(SAMPLE_RATE) / 1000) / 1000;
    let end = samples.max(2 * i64::from(ENCODER_DELAY_SAMPLES));
    format!(
        "[0:{}]asetpts=PTS-({})/TB,aresample={SAMPLE_RATE}:async=1:min_hard_comp={DRIFT_MAX}:first_pts=0,\
         aformat=sample_fmts=fltp:channel_layouts=stereo,apad=whole_len={end},\
         atrim=start_sample={ENCODER_DELAY_SAMPLES}:end_sample={end},asplit={}{}",
        plan.facts.stream,
        seconds(plan.zero_us),
        plan.bitrates.len(),
        pads("a", plan.bitrates.len()),
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
        let limits = Limits { parallel_chunks: 2, chunk_seconds: None };
        let options =
            Options { resolutions: Some(vec!["720p".into(), "360p".into()]), ..Options::default() };
        let plan = plan::plan(&test_facts("25", 500), &options, limits).unwrap().audio.unwrap();
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
