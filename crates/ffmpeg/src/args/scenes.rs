//! Sudden changes of the picture, measured on a small copy of it.
//!
//! ```text
//! decode → setpts (first picture = 0) → 160 wide → scdet ┬→ null: progress
//!                                                        └→ only changes → signalstats → text file
//! ```

use std::{ffi::OsString, path::Path};

use media::{chapters::Change, timeline::TimeBase};

use super::{Args, filter_value, still::Track};

/// Luma levels that are one hundred per cent for `scdet`.
const LEVELS: f64 = 255.0;

/// Arguments that write the pictures differing from the one before by `jump_min` levels or more
/// into the text file `list`, up to `end_us` after the first picture.
pub(crate) fn scenes(track: Track<'_>, jump_min: f64, end_us: i64, list: &Path) -> Vec<OsString> {
    let mut args = Args::default();
    track.open(&mut args, None);
    // Noise of one level is no change; it would only make the list as long as the video.
    let percent = jump_min.max(1.0) / LEVELS * 100.0;
    let graph = format!(
        "{},trim=end_pts={},scale=w='min(160,iw)':h=-2:flags=fast_bilinear,format=yuv420p,scdet=threshold=100,split[all][some];\
         [some]metadata=mode=select:key=lavfi.scd.score:value={percent:.3}:function=greater,signalstats,\
         metadata=mode=print:file={}[changes]",
        track.begin(),
        track.tick(end_us),
        filter_value(list),
    );
    args.pair("-filter_complex", graph);
    args.words("-map [all] -fps_mode passthrough -f null /dev/null");
    args.words("-map [changes] -fps_mode passthrough -f null /dev/null");
    args.0
}

/// Reads the text file of a run: blocks of `frame:… pts:… pts_time:…` and `key=value` lines. Its
/// seconds have six digits in all, so the ticks count.
pub(crate) fn changes(list: &str, time_base: TimeBase) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut low = 0.0;
    for line in list.lines() {
        if let Some((_, rest)) = line.split_once(" pts:") {
            let ticks = rest.split_whitespace().next().and_then(|ticks| ticks.parse().ok());
            let at_us = time_base.micros(ticks.unwrap_or(0));
            changes.push(Change { at_us, jump: 0.0, contrast: 0.0 });
            continue;
        }
        let (Some(change), Some((key, value))) = (changes.last_mut(), line.split_once('=')) else {
            continue;
        };
        let value: f64 = value.trim().parse().unwrap_or(0.0);
        match key {
            "lavfi.scd.score" => change.jump = value / 100.0 * LEVELS,
            "lavfi.signalstats.YLOW" => low = value,
            "lavfi.signalstats.YHIGH" => change.contrast = value - low,
            _ => {}
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{
        Input,
        args::{joined, test_facts},
    };

    #[test]
    fn a_small_picture_is_measured() {
        let facts = test_facts("25", 500);
        let input = Input::Path("/in/a.mp4".into());
        let track = Track::new(&input, &facts).unwrap();
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
            -filter_complex [0:0]setpts=PTS-(0),trim=end_pts=1500,scale=w='min(160,iw)':h=-2:flags=fast_bilinear,format=yuv420p,scdet=threshold=100,split[all][some];[some]metadata=mode=select:key=lavfi.scd.score:value=1.961:function=greater,signalstats,metadata=mode=print:file=/out/it\\\'s a\\:b.txt[changes]
            -map [all]
            -fps_mode passthrough
            -f null /dev/null
            -map [changes]
            -fps_mode passthrough
            -f null /dev/null
        "]].assert_eq(&joined(&scenes(track, 5.0, 60_000_000, Path::new("/out/it's a:b.txt"))));
    }

    #[test]
    fn a_list_is_read() {
        let list = "frame:0    pts:432000000 pts_time:36000\nlavfi.scd.mafd=20.000\nlavfi.scd.score=10.000\n\
                    lavfi.signalstats.YMIN=16\nlavfi.signalstats.YLOW=20\nlavfi.signalstats.YHIGH=120\n\
                    frame:1    pts:432000400 pts_time:36000\nlavfi.scd.score=1.000\nlavfi.signalstats.YLOW=bad\n";
        let base = TimeBase { num: 1, den: 12_000 };
        let found = changes(list, base);
        assert_eq!(found[0], Change { at_us: 36_000_000_000, jump: 25.5, contrast: 100.0 });
        assert_eq!((found.len(), found[1].at_us, found[1].contrast), (2, 36_000_033_333, 0.0));
        assert_eq!(changes("garbage\n=\n", base), []);
    }
}
