//! A non-standard source, in one sequential pass, into a Matroska file that can be cut.
//!
//! ffmpeg's own time stamp repair is left on (no `-copyts`): wraps and splices become one
//! continuous line, the same for picture and sound. The picture is kept nearly lossless and gets a
//! key frame every second; every sound track is kept lossless, texts and chapters as they are,
//! because later steps read this file in the source's place.

use std::{ffi::OsString, path::Path};

use media::source::{AudioFacts, NonStandard, SourceFacts, SubtitleFacts};

use super::{Args, picture};
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
        // Fields are joined here, because the rewriting does not say that they are two. A stream
        // that changes size is scaled to the size it starts with.
        let (width, height) = (video.coded_width, video.coded_height);
        args.pair("-vf", format!("{}scale={width}:{height}", picture::progressive(video)));
        args.words("-c:v libx264 -preset ultrafast -crf 10");
        args.pair("-g", rate.as_f64().round().max(1.0).to_string());
    }
    let usable = facts.audio.iter().filter(|audio| audio.channels > 0 && audio.packets > 0);
    for (at, audio) in usable.enumerate() {
        args.pair("-map", format!("0:{}", audio.stream));
        args.pair(&format!("-c:a:{at}"), lossless(audio));
        args.pair(&format!("-disposition:a:{at}"), marks(audio.default, false));
    }
    for (at, track) in facts.subtitles.iter().filter(|track| track.is_text()).enumerate() {
        args.pair("-map", format!("0:{}", track.stream));
        args.pair(&format!("-c:s:{at}"), text(track));
        args.pair(&format!("-disposition:s:{at}"), marks(track.default, track.forced));
    }
    // Languages and titles of tracks and titles of chapters follow by themselves.
    args.words("-map_metadata:g -1 -map_chapters 0 -f matroska").output(output);
    args.0
}

/// Always spelled out: left alone, ffmpeg marks the first track of a kind as default when none is.
fn marks(default: bool, forced: bool) -> &'static str {
    match (default, forced) {
        (true, true) => "default+forced",
        (true, false) => "default",
        (false, true) => "forced",
        (false, false) => "0",
    }
}

/// FLAC ends at eight channels.
fn lossless(audio: &AudioFacts) -> &'static str {
    if audio.channels > 8 { "pcm_s24le" } else { "flac" }
}

/// What Matroska holds as it is stays; other texts become plain ones.
fn text(track: &SubtitleFacts) -> &'static str {
    if matches!(track.codec.as_str(), "subrip" | "ass") { "copy" } else { "srt" }
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
            -vf bwdif=mode=send_frame:parity=auto:deint=interlaced,scale=1280:720
            -c:v libx264
            -preset ultrafast
            -crf 10
            -g 25
            -map 0:1
            -c:a:0 flac
            -disposition:a:0 default
            -map_metadata:g -1
            -map_chapters 0
            -f matroska /out/a.mkv
        "]].assert_eq(&args(&facts));
        facts.non_standard = vec![NonStandard::MissingTimestamps];
        assert!(args(&facts).contains("-fps_mode cfr\n-r 25\n"), "{}", args(&facts));
    }
}
