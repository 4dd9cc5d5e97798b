//! One chunk in every rung, from one decode.
//!
//! Source pictures are placed on the global grid by their own time stamps, so the result does not
//! depend on where decoding started:
//!
//! ```text
//! decode → setpts (first picture = 0) → trim (source ticks) ┬→ fps on the grid → tpad → trim b − a ┬→ scale → x264 → fMP4
//!                                                           │                                      └→ … one per rung
//!                                                           └→ 2×2 crop → framecrc: time of every decoded picture
//! ```

use std::{ffi::OsString, fmt::Write as _, path::PathBuf};

use media::{ladder::Rung, plan::VideoPlan, rate::Grid};

use super::{Args, pads, seconds};
use crate::input::{Input, input_args};

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

/// Arguments for chunk `index` of a plan.
pub(crate) fn chunk(
    input: &Input,
    plan: &VideoPlan,
    index: u32,
    seek: Seek,
    files: &ChunkFiles,
) -> Vec<OsString> {
    let frames = plan.chunk(index);
    let mut args = Args::default();
    args.pair("-threads", plan.threads.to_string()).words("-copyts");
    if let Some(at) = seek_us(plan, frames.start, seek) {
        args.words("-noaccurate_seek").pair("-ss", seconds(at));
    }
    args.extend(input_args(input));
    args.pair("-filter_complex_threads", "1");
    args.pair("-filter_complex", graph(plan, index, seek));
    for (at, rung) in plan.rungs.iter().enumerate() {
        args.pair("-map", format!("[v{at}]"));
        encoder(&mut args, rung, plan);
        container(&mut args, plan.grid, frames.start);
        args.output(&files.rung(at));
    }
    args.words("-map [times] -fps_mode passthrough -enc_time_base -1 -f framecrc");
    args.output(&files.decoded());
    args.0
}

/// Where to seek, counted from the container's start as `-ss` does; `None` to read from the start.
fn seek_us(plan: &VideoPlan, first: u64, seek: Seek) -> Option<i64> {
    let timeline = &plan.facts.timeline;
    let back = match seek {
        Seek::Start => return None,
        Seek::Index => 0,
        Seek::Early(us) => us,
    };
    // On a constant grid picture `first` itself is wanted; a quarter of a frame more makes sure that
    // rounding does not land on the key frame before it. Otherwise the picture shown at `first` may
    // have begun up to one gap earlier.
    let frame_us = plan.grid.micros(1);
    let wanted = if timeline.constant {
        plan.grid.micros(first) + frame_us / 4
    } else {
        plan.grid.micros(first) - plan.grid.micros(u64::from(timeline.gap_frames_max))
    };
    let at = timeline.start_us() + wanted - back - plan.container_start_us;
    (first > 0 && at > 0).then_some(at)
}

/// The filter graph: grid, rungs and the list of decoded pictures.
fn graph(plan: &VideoPlan, index: u32, seek: Seek) -> String {
    let frames = plan.chunk(index);
    let timeline = &plan.facts.timeline;
    let mut graph = format!("[0:{}]setpts=PTS-({})", plan.facts.stream, timeline.start_ticks);
    let reach = if timeline.constant { 0 } else { u64::from(timeline.gap_frames_max) };
    let start = timeline.first_tick_of(frames.start.saturating_sub(reach));
    let end = timeline.first_tick_of(frames.end);
    let bounds: Vec<String> = [
        (start > i64::MIN && seek != Seek::Start).then(|| format!("start_pts={start}")),
        (index + 1 < plan.chunks).then(|| format!("end_pts={end}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !bounds.is_empty() {
        let _ = write!(graph, ",trim={}", bounds.join(":"));
    }
    let count = frames.end - frames.start;
    // fps pads from `start_time` and drops what is shown before it; tpad holds the last picture
    // where the source has none. The list of decoded pictures tells how many were really there.
    let _ = write!(
        graph,
        ",split[grid][list];[list]crop=w='min(2,iw)':h='min(2,ih)'[times];\
         [grid]fps=fps={}:start_time={}:round=near,tpad=stop={count}:stop_mode=clone,trim=end_frame={count},setpts=PTS-STARTPTS",
        plan.grid.rate,
        seconds(plan.grid.micros(frames.start)),
    );
    let _ = write!(graph, ",split={}{}", plan.rungs.len(), pads("s", plan.rungs.len()));
    for (at, rung) in plan.rungs.iter().enumerate() {
        let _ = write!(
            graph,
            ";[s{at}]scale={}:{}:flags=bicubic:out_range=tv,format=yuv420p,setsar=1[v{at}]",
            rung.width, rung.height
        );
    }
    graph
}

/// libx264 with a capped bit rate and parameter sets that are equal in every chunk.
fn encoder(args: &mut Args, rung: &Rung, plan: &VideoPlan) {
    let gop = plan.grid.gop_frames().to_string();
    args.words("-c:v libx264").pair("-preset", plan.preset.as_str()).words("-profile:v high");
    args.pair("-b:v", rung.bitrate.bits().to_string());
    args.pair("-maxrate", rung.bitrate.scaled(107, 100).bits().to_string());
    args.pair("-bufsize", rung.bitrate.scaled(3, 2).bits().to_string());
    args.pair("-g", gop.clone()).pair("-keyint_min", gop).words("-sc_threshold 0");
    args.words("-x264-params stitchable=1").pair("-threads", plan.threads.to_string());
    args.words("-fps_mode passthrough -map_metadata -1 -map_chapters -1 -fflags +bitexact -flags:v +bitexact");
}

/// Fragmented MP4 with one fragment per segment and decode times on the global grid.
///
/// `frag_keyframe` cuts at key frames only; `min_frag_duration` of half a GOP less than a segment
/// keeps it from cutting at the two inner ones. Composition offsets come out from minus two frames
/// (the B-frame delay) on; `media::fmp4` moves them up.
fn container(args: &mut Args, grid: Grid, first: u64) {
    let half_gop = u64::from(grid.gop_frames().div_ceil(2));
    let fragment = grid.micros(u64::from(grid.segment_frames()) - half_gop);
    args.pair("-output_ts_offset", seconds(grid.micros(first)));
    args.pair("-video_track_timescale", grid.timescale().to_string());
    args.words("-use_editlist 0 -avoid_negative_ts disabled")
        .pair("-min_frag_duration", fragment.to_string());
    args.words("-movflags +cmaf+frag_keyframe+frag_discont+empty_moov+default_base_moof+negative_cts_offsets -f mp4");
}

/// What a chunk run decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// Distinct pictures shown within the chunk.
    pub(crate) pictures: u64,
    /// True when the picture shown at the chunk's first frame is among them, or could not be
    /// expected: then seeking from further ahead would change nothing.
    pub(crate) from_the_start: bool,
}

/// Reads a `framecrc` list: lines of `stream, dts, pts, duration, size, crc`, where the times are
/// source ticks from the first picture of the video.
pub(crate) fn decoded_within(framecrc: &str, plan: &VideoPlan, index: u32) -> Decoded {
    let frames = plan.chunk(index);
    let line = &plan.facts.timeline;
    let begin = line.first_tick_of(frames.start);
    let after_first = line.first_tick_of(frames.start + 1);
    let end = if index + 1 < plan.chunks { line.first_tick_of(frames.end) } else { i64::MAX };
    let shown = framecrc
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(',').nth(2)?.trim().parse::<i64>().ok());
    let mut decoded = Decoded { pictures: 0, from_the_start: false };
    let mut before = None;
    for time in shown {
        decoded.from_the_start |= time < after_first;
        if time >= begin && time < end && before != Some(time) {
            decoded.pictures += 1;
        }
        before = Some(time);
    }
    decoded
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

    fn planned(rate: &str, frames: u64, constant: bool) -> VideoPlan {
        let limits = Limits { parallel_chunks: 2, chunk_seconds: Some(12) };
        let options: Options =
            Options { resolutions: Some(vec!["720p".into(), "360p".into()]), ..Options::default() };
        let mut facts = test_facts(rate, frames);
        if let Some(video) = &mut facts.video {
            video.timeline.constant = constant;
            video.timeline.gap_frames_max = if constant { 1 } else { 6 };
        }
        plan::plan(&facts, &options, limits).unwrap().video.unwrap()
    }

    fn argv(plan: &VideoPlan, index: u32, seek: Seek) -> String {
        let input = Input::Path("/in/a.mp4".into());
        joined(&chunk(&input, plan, index, seek, &ChunkFiles::new("/out")))
    }

    #[test]
    fn a_middle_chunk_of_a_constant_source() {
        let plan = planned("30000/1001", 1500, true);
        expect![[r"
            -threads 1
            -copyts
            -noaccurate_seek
            -ss 12.020341
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp4
            -filter_complex_threads 1
            -filter_complex [0:0]setpts=PTS-(0),trim=start_pts=360:end_pts=720,split[grid][list];[list]crop=w='min(2,iw)':h='min(2,ih)'[times];[grid]fps=fps=30000/1001:start_time=12.012000:round=near,tpad=stop=360:stop_mode=clone,trim=end_frame=360,setpts=PTS-STARTPTS,split=2[s0][s1];[s0]scale=1280:720:flags=bicubic:out_range=tv,format=yuv420p,setsar=1[v0];[s1]scale=640:360:flags=bicubic:out_range=tv,format=yuv420p,setsar=1[v1]
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
            -output_ts_offset 12.012000
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
            -output_ts_offset 12.012000
            -video_track_timescale 30000
            -use_editlist 0
            -avoid_negative_ts disabled
            -min_frag_duration 5005000
            -movflags +cmaf+frag_keyframe+frag_discont+empty_moov+default_base_moof+negative_cts_offsets
            -f mp4 /out/rung-1.mp4
            -map [times]
            -fps_mode passthrough
            -enc_time_base -1
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
    fn decoded_pictures_are_counted_within_the_chunk_only() {
        let plan = planned("25", 500, true);
        let list = "#tb 0: 1/25\n0, 299, 299, 1, 6, 0x1\n0, 300, 300, 1, 6, 0x1\n0, 300, 300, 1, 6, 0x1\n0, 301, 301, 1, 6, 0x1\n";
        assert_eq!(decoded_within(list, &plan, 1), Decoded { pictures: 2, from_the_start: true });
        let late = "0, 310, 310, 1, 6, 0x1\n";
        assert_eq!(decoded_within(late, &plan, 1), Decoded { pictures: 1, from_the_start: false });
    }
}
