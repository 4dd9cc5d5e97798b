//! A non-standard source, in one sequential pass, into a Matroska file that can be cut.
//!
//! ffmpeg's own time stamp repair is left on (no `-copyts`): wraps and splices become one
//! continuous line, the same for picture and sound. The picture is kept nearly lossless and gets a
//! key frame every second; every sound track is kept lossless, texts and chapters as they are,
//! because later steps read this file in the source's place.

use std::{ffi::OsString, path::Path};

use media::rate::FrameRate;
use media::source::{AudioFacts, NonStandard, SourceFacts, SubtitleFacts, VideoFacts};
use media::timeline::Timeline;

use super::{Args, picture};
use crate::input::{Input, input_args};

/// Arguments for rewriting a source into `output`, with the times of the pictures that were decoded
/// in `list`. The decoder gives a picture out after `delay` more packets.
pub(crate) fn normalize(
    input: &Input,
    facts: &SourceFacts,
    delay: u32,
    output: &Path,
    list: &Path,
) -> Vec<OsString> {
    let mut args = Args::default();
    // Warnings tell of damaged pictures.
    args.words("-v repeat+level+warning");
    let numbered = numbered(facts, delay);
    if numbered.is_empty() {
        args.words("-fflags +genpts");
    }
    args.words(facts.video.as_ref().map_or("", picture::unturned));
    args.extend(input_args(input));
    if let Some(video) = &facts.video {
        let rate = source_rate(&video.timeline);
        args.pair("-map", format!("0:{}", video.stream));
        let constant = needs_constant_rate(facts);
        if constant {
            args.words("-fps_mode cfr").pair("-r", rate.to_string());
        } else {
            args.words(OWN_TIMES);
        }
        // Fields are joined here, because the rewriting does not say that they are two.
        let joined = picture::progressive(video);
        // Where another shape begins, two programmes are joined, and their sound goes by the stamps.
        let is = |reason| facts.non_standard.contains(&reason);
        let doubtful = is(NonStandard::BrokenTimestamps) || is(NonStandard::MissingTimestamps);
        let share = !constant && doubtful && !is(NonStandard::SizeChange);
        let apart = if share { apart(rate) } else { String::new() };
        args.pair(
            "-vf",
            format!("{numbered}{joined}{}{}{apart}", canvas(facts, video), colors(video)),
        );
        nearly_lossless(&mut args, rate);
    }
    let usable = facts.audio.iter().filter(|audio| audio.is_usable());
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
    if let Some(video) = &facts.video {
        // Before any is repeated or left out for a constant rate.
        args.pair("-map", format!("0:{}", video.stream)).pair("-vf", format!("{numbered}{SPECK}"));
        listed(&mut args, list);
    }
    args.0
}

/// A corner of each picture, in one form whatever the picture's is: as good as nothing to write.
pub(super) const SPECK: &str = "crop=w='min(2,iw)':h='min(2,ih)',format=gray,setsar=1";

/// Lists the times of what was mapped last.
pub(super) fn listed(args: &mut Args, list: &Path) {
    args.words("-fps_mode passthrough -enc_time_base").words(LIST_BASE);
    args.words("-f framecrc").output(list);
}

/// Ticks in which decoded pictures are listed.
const LIST_BASE: &str = "1:90000";
/// Seconds in a tick of them.
pub(crate) const LIST_SECONDS: f64 = 1.0 / 90_000.0;

/// Every picture at its own time: left alone, ffmpeg rounds stamps to whole frames from zero, away from
/// their sound.
pub(super) const OWN_TIMES: &str = "-fps_mode vfr -enc_time_base 1:90000";

/// Encodes pictures nearly without loss, with a key frame every second.
pub(super) fn nearly_lossless(args: &mut Args, rate: FrameRate) {
    args.words("-c:v libx264 -preset ultrafast -crf 10");
    args.pair("-g", rate.as_f64().round().max(1.0).to_string());
}

/// Brings every picture to one size, which is even because x264 takes no other with halved chroma.
/// ffmpeg has turned the picture upright before.
///
/// Where the shape changes, the first one's size in square pixels is kept, and the others are fitted
/// into it between black bars. Each picture is measured (`eval=frame`): ffmpeg 5.1 sets filters up
/// anew for another size or pixel format, but not for another sample aspect.
fn canvas(facts: &SourceFacts, video: &VideoFacts) -> String {
    if !facts.non_standard.contains(&NonStandard::SizeChange) {
        let (width, height) = (video.coded_width, video.coded_height);
        let turned = video.rotation.swaps_sides();
        let (width, height) = if turned { (height, width) } else { (width, height) };
        return format!("scale={}:{}", width.next_multiple_of(2), height.next_multiple_of(2));
    }
    fitted(video.display_size())
}

/// Fits any picture into a size in square pixels, between black bars where its shape is another.
pub(super) fn fitted(size: (f64, f64)) -> String {
    let (width, height) = canvas_size(size);
    let first = format!("lt(abs(dar/{:.6}-1),{SAME_SHAPE})", size.0 / size.1);
    format!(
        "scale=w='if({first},{width},2*round(min({width},{height}*dar)/2))':\
         h='if({first},{height},2*round(min({height},{width}/dar)/2))':flags=bicubic:eval=frame,setsar=1,\
         pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:eval=frame"
    )
}

/// Aspect ratios closer than this, as a share, are the same shape: rounding to even sizes.
const SAME_SHAPE: f64 = 0.02;

/// Even width and height.
pub(super) fn canvas_size((width, height): (f64, f64)) -> (u32, u32) {
    (even(width), even(height))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a size in pixels")]
fn even(side: f64) -> u32 {
    ((side / 2.0).round().max(1.0) as u32).saturating_mul(2)
}

/// Pixels of red, green and blue have no matrix: they get the one, and its tags, that the renditions
/// have. Other pixels keep theirs.
pub(super) fn colors(video: &VideoFacts) -> &'static str {
    if !video.is_rgb() {
        return "";
    }
    ",scale=out_color_matrix=bt709:out_range=tv,format=yuv444p,\
     setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709"
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

/// Keeps pictures half a frame apart at the least: those that share a stamp are all shown, and
/// Matroska rounds stamps to milliseconds.
fn apart(rate: FrameRate) -> String {
    let next = format!("PREV_OUTPTS+0.5*{}/{}/TB", rate.den(), rate.num());
    format!(",setpts='if(isnan(PREV_OUTPTS),PTS,max(PTS,{next}))'")
}

/// Pictures a second of a source: slow ones are repeated in the output, twice at the least.
fn source_rate(timeline: &Timeline) -> FrameRate {
    let shown = timeline.rate;
    if timeline.frames * 5 > timeline.grid_frames * 3 {
        return shown;
    }
    let above = u64::from(shown.num()).checked_mul(timeline.frames);
    let below = u64::from(shown.den()).checked_mul(timeline.grid_frames);
    let exact = above.zip(below).and_then(|(num, den)| FrameRate::reduced(num, den));
    exact.unwrap_or(shown)
}

/// True where the pictures are numbered by [`normalize`], so that the decoder's delay matters.
pub(crate) fn counts_pictures(facts: &SourceFacts) -> bool {
    facts.video.is_some() && facts.container == "avi" && needs_constant_rate(facts)
}

/// Gives pictures times that their container does not have; ends with a comma, or is empty.
///
/// AVI numbers packets as they are decoded. A decoder hands on the number of the packet that it has
/// just read, `delay` packets behind the picture's own, and the first picture with its own number. What
/// `+genpts` makes of these numbers is a frame late where there are B-frames or a parser. A raw MPEG
/// stream has nothing else to be in step with. (ffmpeg 5.1 and 9.)
fn numbered(facts: &SourceFacts, delay: u32) -> String {
    let Some(video) = facts.video.as_ref().filter(|_| needs_constant_rate(facts)) else {
        return String::new();
    };
    match facts.container.as_str() {
        "avi" => format!(
            "setpts='st(0,if(isnan(PREV_OUTPTS),0,PREV_OUTPTS+1));\
             if(isnan(PTS),ld(0),max(PTS-{delay},ld(0)))',"
        ),
        "mpegvideo" => {
            let rate = source_rate(&video.timeline);
            format!("setpts=N*{}/{}/TB,", rate.den(), rate.num())
        }
        _ => String::new(),
    }
}

/// Time stamps that cannot be trusted are replaced by counting. In MPEG's systems each picture is
/// decoded at a time of its own, from which ffmpeg's decoder knows when it is shown.
fn needs_constant_rate(facts: &SourceFacts) -> bool {
    let timed = matches!(facts.container.as_str(), "mpeg" | "mpegts");
    facts.non_standard.contains(&NonStandard::MissingTimestamps) && !timed
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
        let args = |facts: &SourceFacts| {
            joined(&normalize(&input, facts, 0, Path::new("/out/a.mkv"), Path::new("/out/a.crc")))
        };
        facts.non_standard = vec![NonStandard::NoLeadingKeyFrame];
        expect![[r"
            -v repeat+level+warning
            -fflags +genpts
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.ts
            -map 0:0
            -fps_mode vfr
            -enc_time_base 1:90000
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
            -map 0:0
            -vf crop=w='min(2,iw)':h='min(2,ih)',format=gray,setsar=1
            -fps_mode passthrough
            -enc_time_base 1:90000
            -f framecrc /out/a.crc
        "]].assert_eq(&args(&facts));
        facts.non_standard = vec![NonStandard::MissingTimestamps];
        assert!(args(&facts).contains("-fps_mode cfr\n-r 25\n"), "{}", args(&facts));
    }

    fn filters(change: impl FnOnce(&mut SourceFacts)) -> String {
        let mut facts = test_facts("25", 500);
        facts.video.as_mut().unwrap().field_order = Some("progressive".into());
        change(&mut facts);
        let args = joined(&normalize(
            &Input::Path("/a".into()),
            &facts,
            0,
            Path::new("/b"),
            Path::new("/c"),
        ));
        args.split_once("-vf ").unwrap().1.lines().next().unwrap().to_owned()
    }

    #[test]
    fn a_picture_that_is_turned_or_odd_keeps_its_shape() {
        let turned = filters(|facts| {
            facts.video.as_mut().unwrap().rotation = media::source::Rotation::Left;
        });
        assert_eq!(turned, "scale=720:1280");
        let odd = filters(|facts| facts.video.as_mut().unwrap().coded_width = 641);
        assert_eq!(odd, "scale=642:720");
    }

    #[test]
    fn other_shapes_are_fitted_into_the_first() {
        let changing = filters(|facts| {
            facts.non_standard = vec![NonStandard::SizeChange];
            let video = facts.video.as_mut().unwrap();
            (video.coded_width, video.coded_height, video.sample_aspect) = (720, 576, (16, 15));
        });
        expect!["scale=w='if(lt(abs(dar/1.333333-1),0.02),768,2*round(min(768,576*dar)/2))':h='if(lt(abs(dar/1.333333-1),0.02),576,2*round(min(576,768/dar)/2))':flags=bicubic:eval=frame,setsar=1,pad=768:576:(ow-iw)/2:(oh-ih)/2:eval=frame"].assert_eq(&changing);
    }
}
