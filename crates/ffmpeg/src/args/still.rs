//! One picture of a video in full, or a few bytes of it to look at.
//!
//! A picture is named by its frame on the output grid, and chosen as the grid chooses it. Every
//! run lists the times of the pictures it decoded, so that a seek that landed elsewhere is noticed.

use std::{ffi::OsString, fmt::Write as _, path::Path};

use media::source::{SourceFacts, VideoFacts};

use super::{
    Args, Seek, from_zero, pads,
    picture::{self, Colors},
    seconds, start,
};
use crate::input::{Input, input_args};

/// Frames decoded on either side of the one wanted: deinterlacing looks at its neighbours.
const MARGIN_FRAMES: u64 = 2;
/// Quality of a still picture, on mjpeg's scale of 2 (best) to 31.
const QUALITY: &str = "3";

/// The picture track of an input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Track<'a> {
    pub(crate) input: &'a Input,
    pub(crate) facts: &'a VideoFacts,
    container_start_us: i64,
}

impl<'a> Track<'a> {
    /// The picture track, unless there is none.
    pub(crate) fn new(input: &'a Input, source: &'a SourceFacts) -> Option<Self> {
        let facts = source.video.as_ref()?;
        Some(Self { input, facts, container_start_us: source.container_start_us })
    }

    /// Opens the input for a look at the time `at_us` after the first picture.
    pub(super) fn open(&self, args: &mut Args, at_us: Option<i64>) {
        args.words("-threads 1").source_stamps();
        if let Some(at_us) = self.position(at_us) {
            args.words("-noaccurate_seek").pair("-ss", seconds(at_us));
        }
        args.words("-an -sn -dn").extend(input_args(self.input));
        args.pair("-filter_complex_threads", "1");
    }

    /// A time after the first picture as `-ss` counts; `None` where that is the start of the file.
    fn position(&self, at_us: Option<i64>) -> Option<i64> {
        let at_us = at_us.map(|at| at + self.facts.timeline.start_us() - self.container_start_us);
        at_us.filter(|&at| at > 0)
    }

    /// The frame whose picture is shown at `frame`: the last one stays until the end.
    pub(super) fn shown(&self, frame: u64) -> u64 {
        frame.min(self.facts.timeline.last_frame())
    }

    /// The track with times counted from its first picture.
    pub(super) fn begin(&self) -> String {
        from_zero(self.facts)
    }

    /// First tick at or after a time, counted from the first picture.
    pub(super) fn tick(&self, us: i64) -> i64 {
        let base = self.facts.timeline.time_base;
        let above = i128::from(us) * i128::from(base.den);
        let below = i128::from(base.num.max(1)) * 1_000_000;
        let whole = above.div_euclid(below) + i128::from(above.rem_euclid(below) != 0);
        i64::try_from(whole).unwrap_or(i64::MAX)
    }
}

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One byte of brightness per pixel, black 0, white 255.
    Gray(u32, u32),
    /// JPEG's colours: full range, BT.601, 4:2:0.
    Jpeg(u32, u32),
}

impl Form {
    /// Bytes of one picture that is not compressed.
    pub(crate) fn bytes(self) -> usize {
        let (pixels, halves) = match self {
            Self::Gray(width, height) => (width * height, 2),
            Self::Jpeg(width, height) => (width * height, 3),
        };
        pixels as usize * halves / 2
    }

    /// Filters that bring a picture of the source into this form; JFIF knows one matrix.
    pub(super) fn filters(self, facts: &VideoFacts) -> String {
        let (Self::Gray(width, height) | Self::Jpeg(width, height)) = self;
        let (mut filters, mut from) = (String::new(), String::new());
        if picture::changes_colors(facts) {
            // zscale takes even sizes only; what it costs depends on them.
            let even = |side: u32| side.next_multiple_of(2);
            let _ = write!(
                filters,
                "scale={}:{}:flags=bicubic:out_range=tv,{}format=yuv444p,",
                even(width),
                even(height),
                picture::sdr(facts)
            );
        }
        if !facts.is_rgb() || picture::changes_colors(facts) {
            from = format!("in_color_matrix={}:", Colors::of(facts).scale_matrix());
        }
        let _ = match self {
            Self::Gray(..) => write!(
                filters,
                "scale={width}:{height}:flags=area:out_range=pc,format=gray,setsar=1"
            ),
            Self::Jpeg(..) => write!(
                filters,
                "scale={width}:{height}:flags=bicubic:{from}out_color_matrix=bt601:out_range=pc,format=yuvj420p,setsar=1"
            ),
        };
        filters
    }
}

/// A file to write and the form of the picture in it: JPEG is compressed, gray is not.
pub(crate) type Written<'a> = (Form, &'a Path);

/// Arguments that write frame `frame` of the grid into each of `outputs`, and the times of the pictures decoded into `times`.
pub(crate) fn still(
    track: Track<'_>,
    frame: u64,
    seek: Seek,
    outputs: &[Written<'_>],
    times: &Path,
) -> Vec<OsString> {
    let mut args = Args::default();
    let frame = track.shown(frame);
    track.open(&mut args, seek_us(track, frame, seek));
    let mut graph = window(track, frame, seek);
    let timeline = &track.facts.timeline;
    let (held, eof) = held(track, frame);
    let _ = write!(
        graph,
        ",split[grid][list];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];[grid]{}{held}fps=fps={}:start_time={}:round=near{eof},\
         tpad=stop=1:stop_mode=clone,trim=end_frame=1,setpts=PTS-STARTPTS",
        picture::progressive(track.facts),
        timeline.rate,
        seconds(timeline.grid().micros(frame)),
    );
    let _ = write!(graph, ",split={}{}", outputs.len(), pads("s", outputs.len()));
    for (at, (form, _)) in outputs.iter().enumerate() {
        let _ = write!(graph, ";[s{at}]{}[v{at}]", form.filters(track.facts));
    }
    args.pair("-filter_complex", graph);
    for (at, output) in outputs.iter().enumerate() {
        args.pair("-map", format!("[v{at}]"));
        encoded(&mut args, output);
    }
    args.times(track.facts.timeline.time_base, times);
    args.0
}

/// Arguments that write a cover as JPEG in each of `outputs`.
pub(crate) fn cover(input: &Input, stream: u32, outputs: &[((u32, u32), &Path)]) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-threads 1").extend(input_args(input));
    let mut graph = format!("[0:{stream}]split={}{}", outputs.len(), pads("s", outputs.len()));
    for (at, ((width, height), _)) in outputs.iter().enumerate() {
        let _ = write!(
            graph,
            ";[s{at}]scale={width}:{height}:flags=bicubic:out_color_matrix=bt601:out_range=pc,format=yuvj420p,setsar=1[v{at}]"
        );
    }
    args.pair("-filter_complex", graph);
    for (at, ((width, height), path)) in outputs.iter().enumerate() {
        args.pair("-map", format!("[v{at}]")).words("-frames:v 1");
        encoded(&mut args, &(Form::Jpeg(*width, *height), path));
    }
    args.0
}

fn encoded(args: &mut Args, (form, path): &Written<'_>) {
    args.words("-fps_mode passthrough");
    match form {
        Form::Gray(..) => args.words("-f rawvideo"),
        Form::Jpeg(..) => args
            .words("-c:v mjpeg")
            .pair("-q:v", QUALITY)
            .words("-map_metadata -1 -fflags +bitexact -flags:v +bitexact -f image2 -update 1"),
    };
    args.output(path);
}

/// True when the look at a frame reads the file from its start.
pub(crate) fn reads_whole(track: Track<'_>, frame: u64, seek: Seek) -> bool {
    track.position(seek_us(track, frame, seek)).is_none()
}

/// Where to seek for a frame, counted from the first picture.
fn seek_us(track: Track<'_>, frame: u64, seek: Seek) -> Option<i64> {
    let timeline = &track.facts.timeline;
    let grid = timeline.grid();
    let back = track.facts.seek_back_us()
        + match seek {
            Seek::Start => return None,
            Seek::Index => 0,
            Seek::Early(us) => us,
        };
    let from = earliest(track, frame);
    (from > 0).then(|| grid.micros(from) + grid.micros(1) / 4 - back)
}

/// The earliest frame at which a picture that `frame` needs can have appeared.
fn earliest(track: Track<'_>, frame: u64) -> u64 {
    track.facts.timeline.shown_since(frame).saturating_sub(MARGIN_FRAMES)
}

/// The track, cut to what is needed for one frame.
fn window(track: Track<'_>, frame: u64, seek: Seek) -> String {
    let timeline = &track.facts.timeline;
    let start = timeline.first_tick_of(earliest(track, frame));
    let end = timeline.first_tick_of(frame + 1 + MARGIN_FRAMES).max(timeline.after_first_picture());
    let from_start = start == i64::MIN || seek == Seek::Start;
    if from_start {
        return format!("{},trim=end_pts={end}", track.begin());
    }
    let whole_before = timeline.first_tick_of(track.shown(frame) + 1);
    let whole_before = whole_before.max(timeline.after_first_picture());
    let marks = start::marks(track.facts, whole_before, start);
    format!("{},{marks},trim=start_pts={start}:end_pts={end}", track.begin())
}

/// Filters before fps, and options of it, that show a picture at `frame` which appeared earlier.
fn held(track: Track<'_>, frame: u64) -> (String, &'static str) {
    let timeline = &track.facts.timeline;
    if timeline.constant && timeline.frames > 1 {
        return (String::new(), "");
    }
    let late = timeline.ticks(frame);
    (format!("setpts=max(PTS\\,{late}),tpad=stop=1:stop_mode=clone,"), ":eof_action=pass")
}

/// True when the pictures decoded hold the one shown at `frame`: one that is not later than it.
pub(crate) fn holds(framecrc: &str, track: Track<'_>, frame: u64) -> bool {
    let timeline = &track.facts.timeline;
    let after = timeline.first_tick_of(track.shown(frame) + 1).max(timeline.after_first_picture());
    super::listed_times(framecrc).any(|time| time < after)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::args::{joined, test_facts};

    fn argv(constant: bool, frame: u64, seek: Seek) -> String {
        let mut facts = test_facts("30000/1001", 1500);
        let line = &mut facts.video.as_mut().unwrap().timeline;
        line.constant = constant;
        line.gap_frames_max = if constant { 1 } else { 6 };
        let input = Input::Path("/in/a.mp4".into());
        let outputs = [
            (Form::Jpeg(1280, 720), Path::new("/out/a.jpg")),
            (Form::Gray(160, 90), Path::new("/out/b")),
        ];
        let track = Track::new(&input, &facts).unwrap();
        joined(&still(track, frame, seek, &outputs, Path::new("/out/times.crc")))
    }

    #[test]
    fn a_frame_in_two_forms() {
        expect![[r"
            -threads 1
            -copyts
            -itsoffset 0.000001
            -noaccurate_seek
            -ss 9.951608
            -an
            -sn
            -dn
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp4
            -filter_complex_threads 1
            -filter_complex [0:0]setpts=PTS-(0),select='if(lt(pts,301)*not(ld(0)),st(0,1+0*print(770001,16)));if(gte(pts,298)*not(ld(1)),st(1,1+0*print(770002,16)));1',trim=start_pts=298:end_pts=303,split[grid][list];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];[grid]bwdif=mode=send_frame:parity=auto:deint=interlaced,fps=fps=30000/1001:start_time=10.010000:round=near,tpad=stop=1:stop_mode=clone,trim=end_frame=1,setpts=PTS-STARTPTS,split=2[s0][s1];[s0]scale=1280:720:flags=bicubic:in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p,setsar=1[v0];[s1]scale=160:90:flags=area:out_range=pc,format=gray,setsar=1[v1]
            -map [v0]
            -fps_mode passthrough
            -c:v mjpeg
            -q:v 3
            -map_metadata -1
            -fflags +bitexact
            -flags:v +bitexact
            -f image2
            -update 1 /out/a.jpg
            -map [v1]
            -fps_mode passthrough
            -f rawvideo /out/b
            -map [times]
            -fps_mode passthrough
            -enc_time_base 1001/30000
            -f framecrc /out/times.crc
        "]].assert_eq(&argv(true, 300, Seek::Index));
    }

    #[test]
    fn a_picture_may_have_begun_earlier() {
        let args = argv(false, 300, Seek::Index);
        assert!(args.contains("-ss 9.751408") && args.contains("start_pts=292"), "{args}");
        let early = argv(true, 300, Seek::Early(5_000_000));
        assert!(early.contains("-ss 4.951608") && early.contains("start_pts=298"), "{early}");
        let start = argv(true, 300, Seek::Start);
        assert!(!start.contains("-ss") && start.contains("trim=end_pts=303"), "{start}");
        assert!(!argv(true, 1, Seek::Index).contains("-ss"));
    }

    #[test]
    fn the_last_picture_stays_until_the_end() {
        let mut facts = test_facts("25", 500);
        facts.video.as_mut().unwrap().timeline.last_ticks = 400;
        let input = Input::Path("/in/a.mp4".into());
        let track = Track::new(&input, &facts).unwrap();
        assert_eq!([0, 400, 401, 499].map(|frame| track.shown(frame)), [0, 400, 400, 400]);
        let times = Path::new("/t");
        let args = |frame| joined(&still(track, frame, Seek::Index, &[], times));
        assert_eq!(args(499), args(400));
    }

    #[test]
    fn a_seek_that_landed_late_is_noticed() {
        let facts = test_facts("25", 500);
        let input = Input::Path("/in/a.mp4".into());
        let track = Track::new(&input, &facts).unwrap();
        assert!(holds("#tb 0: 1/25\n0, 300, 300, 1, 6, 0x1\n", track, 300));
        assert!(!holds("#tb 0: 1/25\n0, 301, 301, 1, 6, 0x1\n", track, 300));
        assert!(!holds("", track, 0));
    }

    #[test]
    fn a_cover_is_no_video() {
        let input = Input::Path("/in/a.mp3".into());
        expect![[r"
            -threads 1
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp3
            -filter_complex [0:1]split=1[s0];[s0]scale=640:272:flags=bicubic:out_color_matrix=bt601:out_range=pc,format=yuvj420p,setsar=1[v0]
            -map [v0]
            -frames:v 1
            -fps_mode passthrough
            -c:v mjpeg
            -q:v 3
            -map_metadata -1
            -fflags +bitexact
            -flags:v +bitexact
            -f image2
            -update 1 /out/a.jpg
        "]].assert_eq(&joined(&cover(&input, 1, &[((640, 272), Path::new("/out/a.jpg"))])));
    }
}
