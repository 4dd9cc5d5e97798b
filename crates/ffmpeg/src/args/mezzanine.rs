//! A master copy: the whole video on its grid in one file, of high quality and in the source's own size.
//!
//! It is an ordinary MP4, whose edit lists say where video and audio begin: unlike segments, it has
//! no lead.

use std::{ffi::OsString, fmt::Write as _, path::Path};

use media::{
    ladder::own_sides,
    plan::{AudioPlan, ENCODER_DELAY_SAMPLES, LEAD_FRAMES, SAMPLE_RATE, VideoPlan},
};

use super::{
    Args,
    audio::{Level, piped, sound},
    from_zero, picture,
};
use crate::input::{Input, input_args};

/// Arguments that write the master copy into `output`; `audio` is what [`mezzanine_sound`] gives.
pub(crate) fn mezzanine(
    input: &Input,
    video: &VideoPlan,
    audio: Option<&AudioPlan>,
    output: &Path,
) -> Vec<OsString> {
    let mut args = Args::default();
    args.source_stamps().words("-sn -dn").extend(input_args(input));
    let mut graph = pictures(video);
    if let Some(audio) = audio {
        graph.push(';');
        args.extend(piped());
        let _ = write!(graph, "{},asetpts=PTS-STARTPTS[a]", sound(1, audio, Level::Kept));
    }
    args.pair("-filter_complex", graph).words("-map [v]");
    args.words("-c:v libx264 -preset fast -crf 18 -profile:v high -fps_mode passthrough");
    args.pair("-g", video.grid.gop_frames().to_string());
    args.pair("-video_track_timescale", video.grid.timescale().to_string());
    if audio.is_some() {
        args.words("-map [a] -c:a aac -b:a 320k");
    }
    args.words(
        "-map_metadata -1 -map_chapters -1 -fflags +bitexact -flags:v +bitexact -flags:a +bitexact",
    );
    args.words("-movflags +faststart -f mp4").output(output);
    args.0
}

fn pictures(plan: &VideoPlan) -> String {
    let (facts, grid) = (&plan.facts, plan.grid);
    format!(
        "{},{}tpad=stop=1:stop_mode=clone,fps=fps={}:start_time=0:round=near:eof_action=pass,tpad=stop={count}:stop_mode=clone,\
         trim=end_frame={count},setpts=PTS-STARTPTS,{}[v]",
        from_zero(facts),
        picture::progressive(facts),
        grid.rate,
        picture::clean(facts, own_sides(facts.display_size())),
        count = grid.frames,
    )
}

/// The plan of the sound from the first picture on. What [`sound`] leaves out for the encoder's delay
/// is put in front of it, because here the file itself says how long that delay is.
pub(crate) fn mezzanine_sound(video: &VideoPlan, audio: &AudioPlan) -> AudioPlan {
    let lead_us = video.grid.micros(u64::from(LEAD_FRAMES));
    let delay_us = i64::from(ENCODER_DELAY_SAMPLES) * 1_000_000 / i64::from(SAMPLE_RATE);
    let later_us = lead_us - delay_us;
    AudioPlan {
        zero_us: audio.zero_us + later_us,
        duration_us: audio.duration_us - later_us,
        ..audio.clone()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use media::{
        options::Options,
        plan::{Limits, plan},
    };

    use super::*;
    use crate::args::{joined, test_facts};

    #[test]
    fn picture_and_sound_begin_together() {
        let mut facts = test_facts("25", 500);
        if let Some(video) = &mut facts.video {
            video.field_order = Some("progressive".into());
            (video.coded_width, video.coded_height) = (1281, 721);
        }
        let plan = plan(&facts, &Options::default(), Limits::default()).unwrap();
        let input = Input::Path("/in/a.mp4".into());
        let video = plan.video.as_ref().unwrap();
        let sound = mezzanine_sound(video, &plan.audio[0]);
        let args = mezzanine(&input, video, Some(&sound), Path::new("/out/a.mp4"));
        expect![[r"
            -copyts
            -itsoffset 0.000001
            -sn
            -dn
            -protocol_whitelist file
            -format_whitelist mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,m4v,h263,h264,hevc,av1,obu,ivf,vc1,avi,asf,flv,live_flv,rm,nut,mxf,mxf_opatom,gxf,dv,wtv,gif,yuv4mpegpipe,ogg,mp3,aac,ac3,eac3,dts,dtshd,truehd,mlp,flac,wav,w64,aiff,au,caf,amr,ape,tta,wv
            -i file:/in/a.mp4
            -f f32le
            -ar 48000
            -ac 2
            -protocol_whitelist pipe
            -i pipe:0
            -filter_complex [0:0]setpts=PTS-(0),tpad=stop=1:stop_mode=clone,fps=fps=25:start_time=0:round=near:eof_action=pass,tpad=stop=500:stop_mode=clone,trim=end_frame=500,setpts=PTS-STARTPTS,scale=1280:720:flags=bicubic:out_range=tv,format=yuv420p,setparams=range=tv:colorspace=bt709:color_trc=bt709:color_primaries=bt709,setsar=1[v];[1:a]aformat=sample_fmts=fltp:channel_layouts=stereo,apad=whole_len=961023,atrim=start_sample=1024:end_sample=961023,asetpts=PTS-STARTPTS[a]
            -map [v]
            -c:v libx264
            -preset fast
            -crf 18
            -profile:v high
            -fps_mode passthrough
            -g 50
            -video_track_timescale 12800
            -map [a]
            -c:a aac
            -b:a 320k
            -map_metadata -1
            -map_chapters -1
            -fflags +bitexact
            -flags:v +bitexact
            -flags:a +bitexact
            -movflags +faststart
            -f mp4 /out/a.mp4
        "]].assert_eq(&joined(&args));
        let silent = joined(&mezzanine(&input, video, None, Path::new("/out/a.mp4")));
        assert!(!silent.contains("[a]") && !silent.contains("-c:a"), "{silent}");
    }
}
