//! Programmes with different streams, one after the other, into a Matroska file that can be cut.
//!
//! ffmpeg's `concat` filter ends each where its longer stream ends, and lets the next begin there, so
//! that sound and picture stay together. It asks for one size and one form of samples.

use std::{ffi::OsString, fmt::Write as _, path::Path};

use media::source::{SourceFacts, VideoFacts};

use super::normalize::{OWN_TIMES, SPECK, canvas_size, colors, fitted, listed, nearly_lossless};
use super::{Args, picture};
use crate::input::{Input, input_args};

/// A programme, and what it holds.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) input: Input,
    pub(crate) facts: SourceFacts,
}

/// Arguments that write `parts` one behind the other into `output`, each with its picture, fitted
/// into the shape of the first, and its first sound. The times of the pictures that were decoded go to
/// `list`, among them one for each part without pictures.
pub(crate) fn join(parts: &[Part], output: &Path, list: &Path) -> Vec<OsString> {
    let mut args = Args::default();
    args.words("-v repeat+level+warning");
    for part in parts {
        let unturned = part.facts.video.as_ref().map_or("", picture::unturned);
        args.words("-fflags +genpts").words(unturned).extend(input_args(&part.input));
    }
    let first = parts.iter().find_map(|part| part.facts.video.as_ref());
    let heard = parts.iter().find_map(|part| part.facts.main_audio());
    let mut graph = String::new();
    for (at, part) in parts.iter().enumerate() {
        let seconds = part.facts.duration_seconds();
        if let Some(first) = first {
            let _ = write!(graph, "{}[v{at}];", pictures(at, &part.facts, first, seconds));
        }
        if heard.is_some() {
            let _ = match part.facts.main_audio() {
                Some(audio) => write!(graph, "[{at}:{}]aresample=48000,", audio.stream),
                None => write!(graph, "anullsrc=r=48000,atrim=end={seconds:.3},"),
            };
            let _ = write!(graph, "aformat=channel_layouts=stereo[a{at}];");
        }
    }
    let kinds =
        || [first.map(|_| 'v'), first.map(|_| 'l'), heard.map(|_| 'a')].into_iter().flatten();
    for at in 0..parts.len() {
        graph.extend(kinds().map(|kind| format!("[{kind}{at}]")));
    }
    let (v, a) = (2 * u8::from(first.is_some()), u8::from(heard.is_some()));
    let _ = write!(graph, "concat=n={}:v={v}:a={a}", parts.len());
    graph.extend(kinds().map(|kind| format!("[{kind}]")));
    args.pair("-filter_complex", graph);
    if let Some(first) = first {
        args.words("-map [v]").words(OWN_TIMES);
        nearly_lossless(&mut args, first.timeline.rate);
    }
    if let Some(heard) = heard {
        args.words("-map [a] -c:a flac");
        if let Some(language) = &heard.language {
            args.pair("-metadata:s:a:0", format!("language={language}"));
        }
    }
    args.words("-map_metadata:g -1 -map_chapters -1 -f matroska").output(output);
    if first.is_some() {
        args.words("-map [l]");
        listed(&mut args, list);
    }
    args.0
}

/// The pictures of a part, or blackness where it has none, and behind `[l…]` those that are listed.
fn pictures(at: usize, facts: &SourceFacts, first: &VideoFacts, seconds: f64) -> String {
    let size = first.display_size();
    let Some(video) = &facts.video else {
        let ((width, height), rate) = (canvas_size(size), first.timeline.rate);
        return format!(
            "color=s=2x2:r=1:d=0.1,format=gray,setsar=1[l{at}];\
             color=c=black:s={width}x{height}:r={rate}:d={seconds:.3},setsar=1"
        );
    };
    let (joined, colors) = (picture::progressive(video), colors(video));
    format!(
        "[{at}:{}]split[p{at}][q{at}];[q{at}]{SPECK}[l{at}];[p{at}]{joined}{}{colors}",
        video.stream,
        fitted(size)
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::args::{joined, test_facts};

    #[test]
    fn parts_follow_each_other_whatever_they_hold() {
        let part =
            |name: &str| Part { input: Input::Path(name.into()), facts: test_facts("25", 250) };
        let mut parts = [part("/in/0"), part("/in/1"), part("/in/2")];
        parts[1].facts.audio.clear();
        parts[2].facts.video = None;
        let args = joined(&join(&parts, Path::new("/out/a.mkv"), Path::new("/out/a.crc")));
        let rest = args.split_once("-filter_complex ").unwrap().1;
        expect![[r"
            [0:0]split[p0][q0];
            [q0]crop=w='min(2,iw)':h='min(2,ih)',format=gray,setsar=1[l0];
            [p0]bwdif=mode=send_frame:parity=auto:deint=interlaced,scale=w='if(lt(abs(dar/1.777778-1),0.02),1280,2*round(min(1280,720*dar)/2))':h='if(lt(abs(dar/1.777778-1),0.02),720,2*round(min(720,1280/dar)/2))':flags=bicubic:eval=frame,setsar=1,pad=1280:720:(ow-iw)/2:(oh-ih)/2:eval=frame[v0];
            [0:1]aresample=48000,aformat=channel_layouts=stereo[a0];
            [1:0]split[p1][q1];
            [q1]crop=w='min(2,iw)':h='min(2,ih)',format=gray,setsar=1[l1];
            [p1]bwdif=mode=send_frame:parity=auto:deint=interlaced,scale=w='if(lt(abs(dar/1.777778-1),0.02),1280,2*round(min(1280,720*dar)/2))':h='if(lt(abs(dar/1.777778-1),0.02),720,2*round(min(720,1280/dar)/2))':flags=bicubic:eval=frame,setsar=1,pad=1280:720:(ow-iw)/2:(oh-ih)/2:eval=frame[v1];
            anullsrc=r=48000,atrim=end=10.000,aformat=channel_layouts=stereo[a1];
            color=s=2x2:r=1:d=0.1,format=gray,setsar=1[l2];
            color=c=black:s=1280x720:r=25:d=20.000,setsar=1[v2];
            [2:1]aresample=48000,aformat=channel_layouts=stereo[a2];
            [v0][l0][a0][v1][l1][a1][v2][l2][a2]concat=n=3:v=2:a=1[v][l][a]
            -map [v]
            -fps_mode vfr
            -enc_time_base 1:90000
            -c:v libx264
            -preset ultrafast
            -crf 10
            -g 25
            -map [a]
            -c:a flac
            -metadata:s:a:0 language=eng
            -map_metadata:g -1
            -map_chapters -1
            -f matroska /out/a.mkv
            -map [l]
            -fps_mode passthrough
            -enc_time_base 1:90000
            -f framecrc /out/a.crc
        "]].assert_eq(&rest.replace(';', ";\n"));
    }
}
