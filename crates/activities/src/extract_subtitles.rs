//! Turns text subtitles into renditions: one playlist per track, with segments of a minute.
//!
//! Run twice, the second run finds the record and reads nothing; without the record it writes the
//! same objects again.

use std::path::Path;

use contract::{
    ErrorCode, SubtitleOutput, Warning,
    extract_subtitles::{Input, NAME, Output},
};
use ffmpeg::DecodedTrack;
use futures::{StreamExt, TryStreamExt, stream};
use media::{
    source::SubtitleFacts,
    subtitles::{Clock, RENDITIONS_BYTES_MAX, Schedule, cues, labels, name},
    vtt::Cue,
};
use storage::layout::Layout;

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse, source};

const NO_TEXT: &str = "it holds pictures or is of no known text format";
const TOO_LARGE: &str =
    "its segments would hold more than 64 MiB of text, or those of all tracks more than 128 MiB";
/// Segments written at the same time.
const WRITES: usize = 8;

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    let work = Box::pin(make(deps, pulse, &input));
    once(deps, &record, "the subtitles", work).await.map(|(output, _)| output)
}

async fn make(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let (texts, pictures): (Vec<_>, Vec<_>) =
        input.facts.subtitles.iter().partition(|track| track.is_text());
    let mut output = Output { tracks: vec![], warnings: vec![] };
    output.warnings.extend(pictures.into_iter().map(|track| left_out(track, NO_TEXT)));
    let scratch = deps.scratch.attempt(&format!("subtitles-{}", input.video))?;
    let decoded = decode(deps, pulse, input, &texts, scratch.path()).await?;
    let labels = labels(&texts);
    let mut room = RENDITIONS_BYTES_MAX;
    // One track at a time: of each, all texts are in memory until its segments are stored.
    for (at, (track, decoded)) in texts.iter().zip(decoded).enumerate() {
        let Some(segments) = render(track, decoded, Clock::of(&input.facts), room).await? else {
            output.warnings.push(left_out(track, TOO_LARGE));
            continue;
        };
        room = room.saturating_sub(segments.schedule.bytes);
        let name = name(at);
        let cues = segments.cues.len();
        let playlist = store(deps, &Layout::new(input.video), &name, &segments).await?;
        // A group has one default at most (RFC 8216, 4.3.4.1.1).
        let default = track.default && !output.tracks.iter().any(|made| made.default);
        output.tracks.push(SubtitleOutput {
            name,
            label: labels[at].clone(),
            language: track.language.clone(),
            default,
            forced: track.forced,
            playlist,
            cues: u32::try_from(cues).unwrap_or(u32::MAX),
        });
    }
    Ok(output)
}

async fn decode(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    texts: &[&SubtitleFacts],
    dir: &Path,
) -> Result<Vec<DecodedTrack>, Error> {
    let source = source::open(deps, &input.source).await?;
    let streams: Vec<u32> = texts.iter().map(|track| track.stream).collect();
    let beat = |micros: u64| pulse.set(&micros);
    source.during(ffmpeg::read_subtitles(&deps.tools, source.input(), &streams, dir, beat)).await
}

/// The texts of a track, and which of them each segment shows.
struct Rendition {
    clock: Clock,
    cues: Vec<Cue>,
    schedule: Schedule,
}

impl Rendition {
    fn segment(&self, index: u32) -> String {
        let shown = self.schedule.segments.get(index as usize).into_iter().flatten();
        self.clock.segment(shown.map(|at| &self.cues[*at]))
    }
}

/// Reads a track on a thread of its own, as it may hold megabytes; `None` when its segments would be
/// too large.
async fn render(
    track: &SubtitleFacts,
    decoded: DecodedTrack,
    clock: Clock,
    room: usize,
) -> Result<Option<Rendition>, Error> {
    let codec = track.codec.clone();
    let work = move || {
        let cues = cues(&codec, &decoded.events()?, &clock);
        let schedule = clock.schedule(&cues, room);
        Ok(schedule.map(|schedule| Rendition { clock, cues, schedule }))
    };
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}

/// Writes a rendition, its playlist last; gives the name of the playlist.
async fn store(
    deps: &Deps,
    layout: &Layout,
    name: &str,
    rendition: &Rendition,
) -> Result<String, Error> {
    let writes = (0..rendition.clock.segments()).map(|index| async move {
        let object = layout.rendition_file(name, &Clock::segment_name(index))?;
        let text = rendition.segment(index);
        Ok::<_, Error>(deps.store.put_bytes(&object, text).await?)
    });
    stream::iter(writes).buffered(WRITES).try_collect::<Vec<_>>().await?;
    let playlist = layout.playlist(name)?;
    deps.store.put_bytes(&playlist, rendition.clock.playlist()).await?;
    Ok(playlist.to_string())
}

fn left_out(track: &SubtitleFacts, reason: &str) -> Warning {
    let language = track.language.as_ref().map_or(String::new(), |tag| format!(", {tag}"));
    let message = format!(
        "subtitle track {} ({}{language}) was left out: {reason}",
        track.stream, track.codec
    );
    Warning { step: "subtitles".to_owned(), code: ErrorCode::OptionNotMet, message }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::studio::Studio;

    const SRT: &[u8] = b"1\n00:00:00,500 --> 00:00:01,234\nTom & <i>Jerry</i>\n\n\
        2\n00:00:01,000 --> 00:00:09,000\nbad \xff byte\n";
    const ASS: &str = "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\n\
        Format: Name, Fontname, Fontsize, Bold, Italic, Underline, Alignment\n\
        Style: Default,Arial,20,0,0,0,2\n\n[Events]\n\
        Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
        Dialogue: 0,0:00:01.50,0:00:03.00,Default,,0,0,0,,{\\an8\\b1}Top{\\b0}\\Ntwo, lines\n\
        Dialogue: 0,0:00:01.00,0:00:03.00,Default,,0,0,0,,{\\p1}m 0 0 l 100 0 100 100{\\p0}\n";

    /// Pictures from the test card, with text tracks beside them.
    fn film(studio: &Studio, name: &str, texts: &[&str], output: &[&str]) -> PathBuf {
        let file = studio.folder.path().join(name);
        let mut ffmpeg = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap());
        ffmpeg.args(["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=5"]);
        for text in texts {
            ffmpeg.args(["-sub_charenc_mode", "ignore", "-i"]).arg(studio.folder.path().join(text));
        }
        (0..=texts.len()).for_each(|at| {
            ffmpeg.args(["-map", &at.to_string()]);
        });
        ffmpeg.args(["-c:v", "libx264", "-preset", "ultrafast"]).args(output).arg(&file);
        assert!(ffmpeg.status().unwrap().success());
        file
    }

    async fn extract(studio: &Studio, file: &Path) -> (Input, Output) {
        let (source, facts) = studio.source(file).await;
        let input = Input { video: studio.video, source, facts };
        let output = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        (input, output)
    }

    async fn segment(studio: &Studio, track: &SubtitleOutput) -> String {
        let name = track.playlist.replace("index.m3u8", "seg-00000.vtt");
        String::from_utf8(studio.read(&name).await).unwrap()
    }

    #[tokio::test]
    async fn texts_keep_their_moment_in_a_file_that_starts_late() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        fs_err::write(studio.folder.path().join("a.srt"), SRT).unwrap();
        fs_err::write(studio.folder.path().join("b.ass"), ASS).unwrap();
        let output = "-c:s copy -output_ts_offset 10 -metadata:s:s:0 language=ger \
            -disposition:s:0 default -disposition:s:1 default+forced";
        let output: Vec<&str> = output.split_whitespace().collect();
        let file = film(&studio, "late.mkv", &["a.srt", "b.ass"], &output);
        let (input, made) = extract(&studio, &file).await;
        assert_eq!(input.facts.start_us(), 10_000_000);
        let [srt, ass] = &made.tracks[..] else { panic!("{made:#?}") };
        assert_eq!((srt.name.as_str(), srt.label.as_str()), ("subtitles-0", "ger"));
        assert_eq!((srt.language.as_deref(), srt.default, srt.forced), (Some("ger"), true, false));
        assert_eq!((ass.default, ass.forced, ass.cues), (false, true, 1));
        let name = format!("videos/{}/outputs/subtitles-0/index.m3u8", studio.video);
        assert_eq!(srt.playlist, name);
        assert_eq!(
            segment(&studio, srt).await,
            "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:7200,LOCAL:00:00:00.000\n\n\
             00:00:00.500 --> 00:00:01.234\nTom &amp; <i>Jerry</i>\n\n\
             00:00:01.000 --> 00:00:05.000\nbad \u{fffd} byte\n"
        );
        assert_eq!(
            segment(&studio, ass).await,
            "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:7200,LOCAL:00:00:00.000\n\n\
             00:00:01.500 --> 00:00:03.000 line:0\n<b>Top</b>\ntwo, lines\n"
        );
    }

    #[tokio::test]
    async fn a_second_run_finds_the_first_and_a_repeated_one_writes_the_same() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        fs_err::write(studio.folder.path().join("a.srt"), SRT).unwrap();
        fs_err::write(studio.folder.path().join("none.vtt"), "WEBVTT\n").unwrap();
        let file = film(&studio, "a.mp4", &["none.vtt", "a.srt"], &["-c:s", "mov_text"]);
        let (input, made) = extract(&studio, &file).await;
        let cues: Vec<u32> = made.tracks.iter().map(|track| track.cues).collect();
        assert_eq!(cues, [0, 2]);
        let before = segment(&studio, &made.tracks[1]).await;
        let mut blind = studio;
        blind.deps.tools.ffmpeg = "no-such-program".into();
        assert_eq!(run(&blind.deps, &Pulse::still(), input.clone()).await.unwrap(), made);
        blind.deps.tools = ffmpeg::Tools::default();
        let record = Layout::new(blind.video).record(NAME, &fingerprint::input(NAME, &input));
        blind.deps.store.delete(&record.unwrap()).await.unwrap();
        assert_eq!(run(&blind.deps, &Pulse::still(), input).await.unwrap(), made);
        assert_eq!(segment(&blind, &made.tracks[1]).await, before);
        let playlist = String::from_utf8(blind.read(&made.tracks[0].playlist).await).unwrap();
        assert!(playlist.contains("#EXTINF:5.000000,\nseg-00000.vtt\n"), "{playlist}");
    }

    #[tokio::test]
    async fn real_files_keep_language_flags_and_letters() {
        let Some(corpus) = fixtures::corpus() else { return };
        let studio = Studio::open().await;
        let (_, made) = extract(&studio, &corpus.join("sintel_3audio_2subs_chapters.mkv")).await;
        let [english, french] = &made.tracks[..] else { panic!("{made:#?}") };
        assert_eq!((english.language.as_deref(), english.forced), (Some("eng"), false));
        assert_eq!((french.language.as_deref(), french.forced), (Some("fre"), true));
        let text = segment(&studio, french).await;
        assert!(text.contains("00:00:18.500 --> 00:00:20.500\nJe cherche quelqu’un…\n"), "{text}");
        let pictures = Studio::open().await;
        let (_, made) = extract(&pictures, &corpus.join("mkv_pgs_1s.mkv")).await;
        assert_eq!(made.tracks, []);
        let [warning] = &made.warnings[..] else { panic!("{made:#?}") };
        assert_eq!(warning.code, ErrorCode::OptionNotMet);
        assert!(warning.message.contains("track 2 (hdmv_pgs_subtitle"), "{}", warning.message);
    }
}
