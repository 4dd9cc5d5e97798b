//! Finished segments, joined, as one progressive MP4: packets are copied, nothing is encoded.
//!
//! Segments show everything one lead after zero (docs/adr/0002). Here that is taken back: decoding
//! begins one lead before zero, the first picture is shown at zero, and an edit list passes over the
//! silence in front of the sound.

use std::{ffi::OsString, path::Path};

use media::{plan::LEAD_FRAMES, rate::Grid};

use super::{Args, seconds};
use crate::input::{Input, input_args};

/// Arguments that put a fragmented file of pictures, and one of sound, into `output`; `language` is
/// that of the sound.
pub(crate) fn remux(
    video: &Path,
    audio: Option<&Path>,
    grid: Grid,
    language: Option<&str>,
    output: &Path,
) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-copyts");
    args.extend(input_args(&Input::Path(video.into())));
    if let Some(audio) = audio {
        args.extend(input_args(&Input::Path(audio.into())));
    }
    args.words("-map 0:v:0");
    if audio.is_some() {
        args.words("-map 1:a:0");
    }
    args.words("-c copy").pair("-output_ts_offset", seconds(-grid.micros(u64::from(LEAD_FRAMES))));
    args.pair("-video_track_timescale", grid.timescale().to_string());
    args.words("-map_metadata -1 -map_chapters -1");
    if let Some(language) = language.filter(|_| audio.is_some()) {
        args.pair("-metadata:s:a:0", format!("language={language}"));
    }
    args.words("-fflags +bitexact -movflags +faststart -f mp4").output(output);
    args.0
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::args::joined;

    #[test]
    fn pictures_and_sound_go_back_by_one_lead() {
        let grid = Grid { rate: "30000/1001".parse().unwrap(), frames: 300 };
        let (video, audio) = (Path::new("/in/video.mp4"), Path::new("/in/audio.mp4"));
        let args = remux(video, Some(audio), grid, Some("ger"), Path::new("/out/a.mp4"));
        expect![[r"
            -copyts
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/video.mp4
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/audio.mp4
            -map 0:v:0
            -map 1:a:0
            -c copy
            -output_ts_offset -0.066733
            -video_track_timescale 30000
            -map_metadata -1
            -map_chapters -1
            -metadata:s:a:0 language=ger
            -fflags +bitexact
            -movflags +faststart
            -f mp4 /out/a.mp4
        "]].assert_eq(&joined(&args));
        let silent = joined(&remux(video, None, grid, Some("ger"), Path::new("/out/a.mp4")));
        assert!(!silent.contains("1:a") && !silent.contains("language"), "{silent}");
    }
}
