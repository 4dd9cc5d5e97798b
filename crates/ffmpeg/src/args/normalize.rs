//! A non-standard source, in one sequential pass, into a Matroska file that can be cut.
//!
//! ffmpeg's own time stamp repair is left on (no `-copyts`): wraps and splices become one
//! continuous line, the same for picture and sound. The picture is kept nearly lossless and gets a
//! key frame every second, the sound is kept lossless.

use std::{ffi::OsString, path::Path};

use media::source::{NonStandard, SourceFacts};

use super::Args;
use crate::input::{Input, input_args};

/// Arguments for rewriting a source into `output`.
pub(crate) fn normalize(input: &Input, facts: &SourceFacts, output: &Path) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-fflags +genpts").extend(input_args(input));
    if let Some(video) = &facts.video {
        let rate = video.timeline.rate;
        args.pair("-map", format!("0:{}", video.stream));
        let timing = if needs_constant_rate(facts) { "cfr" } else { "vfr" };
        args.pair("-fps_mode", timing);
        if timing == "cfr" {
            args.pair("-r", rate.to_string());
        }
        // A stream that changes size is scaled to the size it starts with.
        args.pair("-vf", format!("scale={}:{}", video.coded_width, video.coded_height));
        args.words("-c:v libx264 -preset ultrafast -crf 10");
        args.pair("-g", rate.as_f64().round().max(1.0).to_string());
    }
    if let Some(audio) = facts.main_audio() {
        args.pair("-map", format!("0:{}", audio.stream)).words("-c:a flac");
    }
    args.words("-map_metadata -1 -map_chapters -1 -f matroska").output(output);
    args.0
}

/// Time stamps that cannot be trusted are replaced by counting.
fn needs_constant_rate(facts: &SourceFacts) -> bool {
    facts.non_standard.contains(&NonStandard::MissingTimestamps)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::args::{joined, test_facts};

    #[test]
    fn time_stamps_are_kept_unless_they_are_missing() {
        let mut facts = test_facts("25", 500);
        let input = Input::Path("/in/a.ts".into());
        let args = |facts: &SourceFacts| joined(&normalize(&input, facts, Path::new("/out/a.mkv")));
        facts.non_standard = vec![NonStandard::NoLeadingKeyFrame];
        expect![[r"
            -fflags +genpts
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.ts
            -map 0:0
            -fps_mode vfr
            -vf scale=1280:720
            -c:v libx264
            -preset ultrafast
            -crf 10
            -g 25
            -map 0:1
            -c:a flac
            -map_metadata -1
            -map_chapters -1
            -f matroska /out/a.mkv
        "]].assert_eq(&args(&facts));
        facts.non_standard = vec![NonStandard::MissingTimestamps];
        assert!(args(&facts).contains("-fps_mode cfr\n-r 25\n"), "{}", args(&facts));
    }
}
