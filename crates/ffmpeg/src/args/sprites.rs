//! Small pictures at evenly spread moments: from one decode of the whole video, or one by one.

use std::{ffi::OsString, path::Path};

use media::sprites::Spread;

use super::{
    Args, seconds,
    still::{Form, Track},
};

/// Quality of a sheet, on mjpeg's scale of 2 (best) to 31.
const QUALITY: &str = "4";

/// Arguments that decode the whole video and write the picture shown at each moment, as raw bytes.
pub(crate) fn spread(track: Track<'_>, spread: Spread, form: Form, output: &Path) -> Vec<OsString> {
    let mut args = pass(track, spread, &form.filters(track.facts));
    args.words("-f rawvideo").output(output);
    args.0
}

/// Arguments that decode the whole video and write sheets of `columns` × `rows` pictures, named by
/// the pattern `sheets`.
pub(crate) fn sheets(
    track: Track<'_>,
    moments: Spread,
    (width, height): (u32, u32),
    (columns, rows): (u32, u32),
    sheets: &Path,
) -> Vec<OsString> {
    let filters = Form::Jpeg(width, height).filters(track.facts);
    let mut args = pass(track, moments, &format!("{filters},tile={columns}x{rows}"));
    encoded(&mut args);
    args.words("-f image2 -start_number 0").output(sheets);
    args.0
}

/// One decode. The second output writes nothing and shows the run's progress: sheets come seldom.
fn pass(track: Track<'_>, moments: Spread, filters: &str) -> Args {
    let mut args = Args::default();
    track.open(&mut args, None);
    // Rounding up makes output i the last picture that is not later than moment i. A single picture
    // counts for nothing before a second one or a known end: fps of ffmpeg 5.1 drops it.
    let graph = format!(
        "{},split[all][some];[all]crop=w='min(4,iw)':h='min(4,ih)'[pulse];\
         [some]tpad=stop=1:stop_mode=clone,fps=fps=1000/{}:start_time={}:round=up,tpad=stop={count}:stop_mode=clone,trim=end_frame={count},{filters}[v]",
        track.begin(),
        moments.step_us / 1000,
        seconds(moments.first_us),
        count = moments.count,
    );
    args.pair("-filter_complex", graph);
    args.words("-map [pulse] -fps_mode passthrough -f null /dev/null");
    args.words("-map [v] -fps_mode passthrough");
    args
}

/// Which picture of an interval is taken after a seek.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// The last key frame up to the moment, decoding nothing else.
    KeyFrame,
    /// The first picture from the moment on.
    Moment,
}

/// Arguments that seek to `at_us` and write one picture that is shown from `at_us` − `reach_us` on
/// and before `at_us` + `reach_us`, as raw bytes, and its time into `times`.
pub(crate) fn single(
    track: Track<'_>,
    at_us: i64,
    reach_us: i64,
    take: Take,
    form: Form,
    (output, times): (&Path, &Path),
) -> Vec<OsString> {
    let mut args = Args::default();
    let from_us = match take {
        Take::KeyFrame => {
            args.words("-skip_frame nokey");
            at_us - reach_us
        }
        Take::Moment => at_us,
    };
    track.open(&mut args, Some(at_us));
    let graph = format!(
        "{},trim=start_pts={}:end_pts={},trim=end_frame=1,split[list][some];\
         [list]crop=w='min(4,iw)':h='min(4,ih)'[times];[some]{}[v]",
        track.begin(),
        track.tick(from_us),
        track.tick(at_us + reach_us),
        form.filters(track.facts),
    );
    args.pair("-filter_complex", graph)
        .words("-map [v] -fps_mode passthrough -f rawvideo")
        .output(output);
    args.times(track.facts.timeline.time_base, times);
    args.0
}

/// Time of the first picture listed, in microseconds from the first of the video.
pub(crate) fn time_us(framecrc: &str, track: Track<'_>) -> Option<i64> {
    let ticks = super::listed_times(framecrc).next()?;
    Some(track.facts.timeline.time_base.micros(ticks))
}

/// Arguments that lay raw pictures out on one sheet.
pub(crate) fn sheet(
    raw: &Path,
    (width, height): (u32, u32),
    (columns, rows): (u32, u32),
    output: &Path,
) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-threads 1 -protocol_whitelist file -f rawvideo -pixel_format yuvj420p");
    args.pair("-video_size", format!("{width}x{height}"));
    let mut name = OsString::from("file:");
    name.push(raw);
    args.pair("-i", name).pair("-vf", format!("tile={columns}x{rows}"));
    encoded(&mut args);
    args.words("-f image2 -update 1").output(output);
    args.0
}

fn encoded(args: &mut Args) {
    args.words("-c:v mjpeg").pair("-q:v", QUALITY);
    args.words("-map_metadata -1 -fflags +bitexact -flags:v +bitexact");
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{
        Input,
        args::{joined, test_facts},
    };

    const MOMENTS: Spread = Spread { first_us: 1_000_000, step_us: 2_000_000, count: 10 };

    fn argv(make: impl FnOnce(Track<'_>) -> Vec<OsString>) -> String {
        let facts = test_facts("25", 500);
        let input = Input::Path("/in/a.mp4".into());
        joined(&make(Track::new(&input, &facts).unwrap()))
    }

    #[test]
    fn sheets_from_one_decode() {
        let out = Path::new("/out/sheet-%05d.jpg");
        let args = argv(|track| sheets(track, MOMENTS, (160, 90), (10, 1), out));
        expect![[r"
            -threads 1
            -copyts
            -itsoffset 0.000001
            -an
            -sn
            -dn
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp4
            -filter_complex_threads 1
            -filter_complex [0:0]setpts=PTS-(0),split[all][some];[all]crop=w='min(4,iw)':h='min(4,ih)'[pulse];[some]tpad=stop=1:stop_mode=clone,fps=fps=1000/2000:start_time=1.000000:round=up,tpad=stop=10:stop_mode=clone,trim=end_frame=10,scale=160:90:flags=bicubic:in_color_matrix=bt709:out_color_matrix=bt601:out_range=pc,format=yuvj420p,setsar=1,tile=10x1[v]
            -map [pulse]
            -fps_mode passthrough
            -f null /dev/null
            -map [v]
            -fps_mode passthrough
            -c:v mjpeg
            -q:v 4
            -map_metadata -1
            -fflags +bitexact
            -flags:v +bitexact
            -f image2
            -start_number 0 /out/sheet-%05d.jpg
        "]].assert_eq(&args);
    }

    #[test]
    fn a_picture_after_a_seek() {
        let files = (Path::new("/out/0.raw"), Path::new("/out/0.crc"));
        let single = |take| {
            argv(|track| single(track, 5_000_000, 1_000_000, take, Form::Gray(160, 90), files))
        };
        expect![[r"
            -skip_frame nokey
            -threads 1
            -copyts
            -itsoffset 0.000001
            -noaccurate_seek
            -ss 5.000000
            -an
            -sn
            -dn
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp4
            -filter_complex_threads 1
            -filter_complex [0:0]setpts=PTS-(0),trim=start_pts=100:end_pts=150,trim=end_frame=1,split[list][some];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];[some]scale=160:90:flags=area:out_range=pc,format=gray,setsar=1[v]
            -map [v]
            -fps_mode passthrough
            -f rawvideo /out/0.raw
            -map [times]
            -fps_mode passthrough
            -enc_time_base 1/25
            -f framecrc /out/0.crc
        "]].assert_eq(&single(Take::KeyFrame));
        let args = single(Take::Moment);
        assert!(!args.contains("nokey") && args.contains("start_pts=125:end_pts=150"), "{args}");
    }

    #[test]
    fn raw_pictures_on_a_sheet() {
        expect![[r"
            -threads 1
            -protocol_whitelist file
            -f rawvideo
            -pixel_format yuvj420p
            -video_size 160x90
            -i file:/out/a.raw
            -vf tile=10x2
            -c:v mjpeg
            -q:v 4
            -map_metadata -1
            -fflags +bitexact
            -flags:v +bitexact
            -f image2
            -update 1 /out/a.jpg
        "]]
        .assert_eq(&joined(&sheet(
            Path::new("/out/a.raw"),
            (160, 90),
            (10, 2),
            Path::new("/out/a.jpg"),
        )));
    }
}
