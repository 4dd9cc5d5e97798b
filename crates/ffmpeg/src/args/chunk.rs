//! One chunk in every rung, from one decode.
//!
//! Source pictures are placed on the global grid by their own time stamps, so the result does not
//! depend on where decoding started. The filters are in `graph`, the encoders' options in `encoder`,
//! and what the run says about its decoding in `decoded`.

mod decoded;
mod encoder;
mod graph;

use std::{ffi::OsString, path::PathBuf};

use media::{plan::VideoPlan, rate::Grid};

use super::{Args, seconds};
use crate::input::{Input, input_args, still_args};

pub(crate) use decoded::decoded_within;
pub(crate) use encoder::trial;

/// Files one chunk run writes, below `dir`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChunkFiles {
    dir: PathBuf,
}

impl ChunkFiles {
    /// Files below an existing, absolute folder.
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Fragmented MP4 of rung `index`.
    pub(crate) fn rung(&self, index: usize) -> PathBuf {
        self.dir.join(format!("rung-{index}.mp4"))
    }

    /// `framecrc` list with the time of every decoded picture, in source ticks from the first.
    pub(crate) fn decoded(&self) -> PathBuf {
        self.dir.join("decoded.crc")
    }
}

/// Where decoding starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seek {
    /// At the key frame at or before the chunk, as the container's index finds it.
    Index,
    /// So many microseconds before that, for containers whose seeks may land late.
    Early(i64),
    /// At the start of the file.
    Start,
}

/// True when this seek of chunk `index` reads the file from its start.
pub(crate) fn reads_from_start(plan: &VideoPlan, index: u32, seek: Seek) -> bool {
    graph::seek_us(plan, plan.chunk(index).start, seek).is_none()
}

/// Arguments for chunk `index` of a plan; `marks` are the watermark's pictures, one per rung, or
/// none.
pub(crate) fn chunk(
    input: &Input,
    marks: &[Input],
    plan: &VideoPlan,
    index: u32,
    seek: Seek,
    files: &ChunkFiles,
) -> Vec<OsString> {
    let frames = plan.chunk(index);
    let mut args = Args::default();
    // Warnings tell of damaged pictures.
    args.words("-v repeat+level+warning");
    args.pair("-threads", plan.threads.to_string()).source_stamps();
    if let Some(at) = graph::seek_us(plan, frames.start, seek) {
        args.words("-noaccurate_seek").pair("-ss", seconds(at));
    }
    args.words(super::picture::unturned(&plan.facts)).extend(input_args(input));
    for mark in marks {
        args.words("-threads 1").extend(still_args(mark));
    }
    args.pair("-filter_complex_threads", "1");
    args.pair("-filter_complex", graph::graph(plan, index, seek, marks.len()));
    for (at, rung) in plan.rungs.iter().enumerate() {
        args.pair("-map", format!("[v{at}]"));
        encoder::encoder(&mut args, rung, plan);
        container(&mut args, plan.grid);
        args.output(&files.rung(at));
    }
    args.times(plan.facts.timeline.time_base, &files.decoded());
    args.0
}

/// Fragmented MP4 with one fragment per segment and decode times on the global grid.
///
/// `frag_keyframe` cuts at key frames only; `min_frag_duration` of half a GOP less than a segment
/// keeps it from cutting at the two inner ones. Composition offsets come out from minus two frames
/// (the B-frame delay) on; `media::fmp4` moves them up.
fn container(args: &mut Args, grid: Grid) {
    let half_gop = u64::from(grid.gop_frames().div_ceil(2));
    let fragment = grid.micros(u64::from(grid.segment_frames()) - half_gop);
    args.pair("-video_track_timescale", grid.timescale().to_string());
    args.words("-use_editlist 0 -avoid_negative_ts disabled")
        .pair("-min_frag_duration", fragment.to_string());
    args.words("-movflags +cmaf+frag_keyframe+frag_discont+empty_moov+default_base_moof+negative_cts_offsets -f mp4");
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use media::{
        options::{Options, Position},
        plan::{self, Encoder, Limits, Mark, Watermark},
        source::{Seeks, VideoFacts},
    };

    use super::*;
    use crate::args::{joined, test_facts};

    fn planned(rate: &str, frames: u64, constant: bool) -> VideoPlan {
        let limits = Limits { parallel_chunks: 2, chunk_seconds: Some(12), ..Limits::default() };
        let options: Options =
            Options { resolutions: Some(vec!["720p".into(), "360p".into()]), ..Options::default() };
        let mut facts = test_facts(rate, frames);
        if let Some(video) = &mut facts.video {
            video.field_order = Some("progressive".into());
            video.timeline.constant = constant;
            video.timeline.gap_frames_max = if constant { 1 } else { 6 };
        }
        plan::plan(&facts, &options, limits).unwrap().video.unwrap()
    }

    fn argv(plan: &VideoPlan, index: u32, seek: Seek) -> String {
        let input = Input::Path("/in/a.mp4".into());
        joined(&chunk(&input, &[], plan, index, seek, &ChunkFiles::new("/out")))
    }

    #[test]
    fn a_middle_chunk_of_a_constant_source() {
        let plan = planned("30000/1001", 1500, true);
        expect![[r"
            -v repeat+level+warning
            -threads 1
            -copyts
            -itsoffset 0.000001
            -noaccurate_seek
            -ss 12.020341
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp4
            -filter_complex_threads 1
            -filter_complex [0:0]setpts=PTS-(0),select='if(lt(pts,361)*not(ld(0)),st(0,1+0*print(770001,16)));if(gte(pts,360)*not(ld(1)),st(1,1+0*print(770002,16)));1',trim=start_pts=360:end_pts=720,split[grid][list];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];[grid]fps=fps=30000/1001:start_time=12.012000:round=near,tpad=stop=360:stop_mode=clone,trim=end_frame=360,setpts=PTS-STARTPTS+360,split=2[s0][s1];[s0]scale=1280:720:flags=bicubic:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1[v0];[s1]scale=640:360:flags=bicubic:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1[v1]
            -map [v0]
            -c:v libx264
            -preset veryfast
            -profile:v high
            -b:v 3000000
            -maxrate 3210000
            -bufsize 4500000
            -g 60
            -keyint_min 60
            -sc_threshold 0
            -x264-params stitchable=1
            -threads 1
            -fps_mode passthrough
            -map_metadata -1
            -map_chapters -1
            -fflags +bitexact
            -flags:v +bitexact
            -video_track_timescale 30000
            -use_editlist 0
            -avoid_negative_ts disabled
            -min_frag_duration 5005000
            -movflags +cmaf+frag_keyframe+frag_discont+empty_moov+default_base_moof+negative_cts_offsets
            -f mp4 /out/rung-0.mp4
            -map [v1]
            -c:v libx264
            -preset veryfast
            -profile:v high
            -b:v 800000
            -maxrate 856000
            -bufsize 1200000
            -g 60
            -keyint_min 60
            -sc_threshold 0
            -x264-params stitchable=1
            -threads 1
            -fps_mode passthrough
            -map_metadata -1
            -map_chapters -1
            -fflags +bitexact
            -flags:v +bitexact
            -video_track_timescale 30000
            -use_editlist 0
            -avoid_negative_ts disabled
            -min_frag_duration 5005000
            -movflags +cmaf+frag_keyframe+frag_discont+empty_moov+default_base_moof+negative_cts_offsets
            -f mp4 /out/rung-1.mp4
            -map [times]
            -fps_mode passthrough
            -enc_time_base 1001/30000
            -f framecrc /out/decoded.crc
        "]].assert_eq(&argv(&plan, 1, Seek::Index));
    }

    #[test]
    fn the_first_chunk_does_not_seek_and_the_last_has_no_end() {
        let plan = planned("25", 500, true);
        let first = argv(&plan, 0, Seek::Index);
        assert!(!first.contains("-ss") && first.contains("end_pts="), "{first}");
        let last = argv(&plan, 1, Seek::Index);
        assert!(last.contains("-ss") && !last.contains("end_pts="), "{last}");
    }

    #[test]
    fn a_variable_source_is_read_from_one_gap_earlier() {
        let plan = planned("25", 500, false);
        let args = argv(&plan, 1, Seek::Index);
        assert!(args.contains("-ss 11.760000") && args.contains("start_pts=294"), "{args}");
    }

    #[test]
    fn nvenc_keeps_the_grid() {
        let plan = VideoPlan { encoder: Encoder::Nvenc, ..planned("25", 500, true) };
        let args = argv(&plan, 1, Seek::Index);
        let encoder =
            args.split("-c:v").nth(1).unwrap().split("-video_track_timescale").next().unwrap();
        expect![[r"
             h264_nvenc
            -preset p4
            -profile:v high
            -rc vbr
            -cq 23
            -b:v 0
            -maxrate 3210000
            -bufsize 4500000
            -g 50
            -bf 0
            -no-scenecut 1
            -forced-idr 1
            -force_key_frames expr:eq(mod(n,50),0)
            -fps_mode passthrough
            -map_metadata -1
            -map_chapters -1
            -fflags +bitexact
            -flags:v +bitexact
        "]]
        .assert_eq(encoder);
        let container =
            |args: &str| args.split("-video_track_timescale").nth(1).unwrap().to_owned();
        assert_eq!(
            container(&args).split("-map").next(),
            container(&argv(&planned("25", 500, true), 1, Seek::Index)).split("-map").next()
        );
    }

    #[test]
    fn a_trial_keeps_nothing() {
        expect![[r"
            -f lavfi
            -i testsrc2=s=320x192:r=25
            -frames:v 5
            -pix_fmt yuv420p
            -c:v h264_nvenc
            -preset p4
            -rc vbr
            -cq 23
            -b:v 0
            -bf 0
            -f null
            -
        "]]
        .assert_eq(&joined(&trial()));
    }

    #[test]
    fn marks_are_further_inputs() {
        let mark = || Mark { bucket: "videos".into(), key: "k".into(), margin: 24 };
        let watermark = Watermark { position: Position::TopRight, marks: vec![mark(), mark()] };
        let plan = VideoPlan { watermark: Some(watermark), ..planned("30000/1001", 1500, true) };
        let marks = [Input::Path("/in/0.png".into()), Input::Path("/in/1.png".into())];
        let args = chunk(
            &Input::Path("/in/a.mp4".into()),
            &marks,
            &plan,
            1,
            Seek::Index,
            &ChunkFiles::new("/out"),
        );
        let args = joined(&args);
        let from = args.find("-threads 1\n-max_pixels").unwrap();
        expect![[r"
            -threads 1
            -max_pixels 67108864
            -protocol_whitelist file
            -format_whitelist png_pipe,apng,jpeg_pipe,webp_pipe,gif,gif_pipe,bmp_pipe,tiff_pipe,jpegxl_pipe,qoi_pipe
            -i file:/in/0.png
            -threads 1
            -max_pixels 67108864
            -protocol_whitelist file
            -format_whitelist png_pipe,apng,jpeg_pipe,webp_pipe,gif,gif_pipe,bmp_pipe,tiff_pipe,jpegxl_pipe,qoi_pipe
            -i file:/in/1.png
            -filter_complex_threads 1
            -filter_complex [0:0]setpts=PTS-(0),select='if(lt(pts,361)*not(ld(0)),st(0,1+0*print(770001,16)));if(gte(pts,360)*not(ld(1)),st(1,1+0*print(770002,16)));1',trim=start_pts=360:end_pts=720,split[grid][list];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];[grid]fps=fps=30000/1001:start_time=12.012000:round=near,tpad=stop=360:stop_mode=clone,trim=end_frame=360,setpts=PTS-STARTPTS+360,split=2[s0][s1];[s0]scale=1280:720:flags=bicubic:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1[p0];[1:0]settb=1001/30000,setpts=0,scale=out_color_matrix=bt709:out_range=tv,format=yuva420p[m0];[p0][m0]overlay=x=W-w-24:y=24:eval=init:format=yuv420[v0];[s1]scale=640:360:flags=bicubic:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1[p1];[2:0]settb=1001/30000,setpts=0,scale=out_color_matrix=bt709:out_range=tv,format=yuva420p[m1];[p1][m1]overlay=x=W-w-24:y=24:eval=init:format=yuv420[v1]
        "]].assert_eq(args[from..].split("-map").next().unwrap());
    }

    /// Where to seek, and the filter graph.
    fn graph_of(change: impl FnOnce(&mut VideoFacts), index: u32) -> String {
        let mut plan = planned("25", 500, true);
        change(&mut plan.facts);
        let args = argv(&plan, index, Seek::Index);
        let line = |flag: &str| {
            let rest = args.split_once(flag)?.1;
            rest.lines().next().map(str::to_owned)
        };
        let seek = line("-ss ").unwrap_or_default();
        format!("{seek}\n{}\n", line("-filter_complex ").unwrap_or_default())
    }

    #[test]
    fn fields_are_joined_with_their_neighbours_at_hand() {
        let interlaced = |facts: &mut VideoFacts| facts.field_order = Some("tt".into());
        expect![[r"
            11.970000
            [0:0]setpts=PTS-(0),select='if(lt(pts,300)*not(ld(0)),st(0,1+0*print(770001,16)));if(gte(pts,300)*not(ld(1)),st(1,1+0*print(770002,16)));1',trim=start_pts=299,split[grid][list];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];[grid]bwdif=mode=send_frame:parity=auto:deint=all,fps=fps=25:start_time=12.000000:round=near,tpad=stop=200:stop_mode=clone,trim=end_frame=200,setpts=PTS-STARTPTS+300,split=2[s0][s1];[s0]scale=1280:720:flags=bicubic:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1[v0];[s1]scale=640:360:flags=bicubic:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1[v1]
        "]].assert_eq(&graph_of(interlaced, 1));
        let unsaid = graph_of(|facts| facts.field_order = None, 0);
        assert!(unsaid.contains("deint=interlaced,fps="), "{unsaid}");
    }

    #[test]
    fn hdr_becomes_sdr_once_for_all_rungs() {
        let hlg = |facts: &mut VideoFacts| facts.color.transfer = Some("arib-std-b67".into());
        expect![[r"
            12.010000
            [0:0]setpts=PTS-(0),select='if(lt(pts,301)*not(ld(0)),st(0,1+0*print(770001,16)));if(gte(pts,300)*not(ld(1)),st(1,1+0*print(770002,16)));1',trim=start_pts=300,split[grid][list];[list]crop=w='min(4,iw)':h='min(4,ih)'[times];[grid]fps=fps=25:start_time=12.000000:round=near,tpad=stop=200:stop_mode=clone,trim=end_frame=200,setpts=PTS-STARTPTS+300,scale=1280:720:flags=bicubic:out_range=tv,zscale=pin=bt2020:min=bt2020nc:tin=arib-std-b67:rin=tv:t=linear:npl=203:p=bt709,format=gbrpf32le,tonemap=mobius:param=0.3:peak=4.926,zscale=p=bt709:m=bt709:t=bt709:r=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1,split=2[s0][s1];[s0]scale=1280:720:flags=bicubic,setsar=1[v0];[s1]scale=640:360:flags=bicubic,setsar=1[v1]
        "]].assert_eq(&graph_of(hlg, 1));
    }

    #[test]
    fn decoding_begins_at_a_key_frame_that_is_shown_before_the_chunk() {
        let marks = |change: fn(&mut VideoFacts)| {
            let graph = graph_of(change, 1);
            let from = graph.split_once("select='").unwrap().1;
            from.split_once(",trim").unwrap().0.to_owned()
        };
        expect!["if(key*lt(pts,301)*not(ld(0)),st(0,1+0*print(770001,16)));if(gte(pts,300)*not(ld(1)),st(1,1+0*print(770002,16)));1'"]
            .assert_eq(&marks(|facts| facts.codec = "hevc".into()));
        // Fields are joined with the picture before.
        let fields = marks(|facts| facts.field_order = Some("tt".into()));
        assert!(fields.starts_with("if(lt(pts,300)*"), "{fields}");
        assert!(!graph_of(|_| {}, 0).contains("select"));
    }

    #[test]
    fn where_any_packet_may_come_after_a_seek_it_aims_a_key_interval_earlier() {
        let graph = graph_of(
            |facts| {
                facts.seeks = Seeks::Packets;
                facts.timeline.key_interval_max = 250;
            },
            1,
        );
        assert!(graph.starts_with("1.010000\n"), "{graph}");
    }

    #[test]
    fn decoded_pictures_are_counted_within_the_chunk_only() {
        let plan = planned("25", 500, true);
        let list = "#tb 0: 1/25\n0, 299, 299, 1, 6, 0x1\n0, 300, 300, 1, 6, 0x1\n0, 300, 300, 1, 6, 0x1\n0, 301, 301, 1, 6, 0x1\n";
        assert_eq!(decoded_within(list, &plan, 1), 2);
        assert_eq!(decoded_within("0, 310, 310, 1, 6, 0x1\n", &plan, 1), 1);
    }
}
