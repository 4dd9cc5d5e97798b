//! Joins finished segments into one progressive MP4: the pictures of a rung with the main track's
//! sound of the bit rate that goes with it. Nothing is encoded.
//!
//! Run twice, the second run finds the record; without the record it writes the same file again.

use std::path::Path;

use contract::{
    ErrorCode, Mp4Output,
    make_mp4::{Input, NAME, Output},
};
use fs_err::tokio as fs;
use futures::{StreamExt, TryStreamExt, stream};
use media::{manifest::RenditionManifest, preview, rate::Grid};
use storage::layout::Layout;
use tokio::io::AsyncWriteExt;

use crate::{
    Deps,
    deps::total_bytes,
    failure::Error,
    fingerprint,
    manifests::{self, once},
    pulse::Pulse,
};

/// Segments read ahead.
const READS: usize = 4;

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    let work = Box::pin(make(deps, pulse, &input));
    once(deps, &record, "an MP4's record", work).await.map(|(output, _)| output)
}

async fn make(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let Finished { grid, pictures, sound } = finished(deps, input).await?;
    let segments = pictures.segments.iter().chain(sound.iter().flat_map(|sound| &sound.segments));
    // Once as joined, once as remuxed.
    let bytes = 2 * total_bytes(segments);
    let scratch = deps.scratch.attempt_of(&format!("mp4-{}", input.video), bytes)?;
    let file = |name: &str| scratch.path().join(name);
    let (video, output) = (file("video.mp4"), file("output.mp4"));
    join(deps, pulse, &layout, &pictures, &video).await?;
    let audio = sound.as_ref().map(|_| file("audio.mp4"));
    if let (Some(sound), Some(audio)) = (&sound, &audio) {
        join(deps, pulse, &layout, sound, audio).await?;
    }
    let language = input.plan.audio.first().and_then(|track| track.facts.language.as_deref());
    ffmpeg::remux(&deps.tools, &video, audio.as_deref(), grid, language, &output).await?;
    let bytes = fs::metadata(&output).await?.len();
    let object = layout.mp4(&input.rung)?;
    deps.store.put_file(&object, &output).await?;
    Ok(Mp4Output { name: input.rung.clone(), file: object.to_string(), bytes })
}

/// What an MP4 is made of.
struct Finished {
    grid: Grid,
    pictures: RenditionManifest,
    sound: Option<RenditionManifest>,
}

/// The finished renditions; an error when they are not whole.
async fn finished(deps: &Deps, input: &Input) -> Result<Finished, Error> {
    let name = &input.rung;
    let video = input.plan.video.as_ref();
    let rung = video.and_then(|video| video.rungs.iter().find(|rung| rung.name == *name));
    let (Some(video), Some(rung)) = (video, rung) else {
        let message = format!("there is no rendition {name} to make an MP4 of");
        return Err(Error::media(ErrorCode::OptionNotMet, message));
    };
    let encoded = manifests::encoded(deps, input.video, &input.source, &input.plan).await?;
    let missing = || {
        let message = format!("the segments of {name} are not complete");
        Error::media(ErrorCode::OutputInvalid, message)
    };
    let pictures = encoded.rendition(name).ok_or_else(missing)?;
    let folder = preview::sound(&input.plan, Some(rung));
    let sound = folder.map(|folder| encoded.rendition(&folder).ok_or_else(missing)).transpose()?;
    let frames: u64 = pictures.segments.iter().map(|segment| u64::from(segment.samples)).sum();
    if frames == video.grid.frames {
        Ok(Finished { grid: video.grid, pictures, sound })
    } else {
        Err(missing())
    }
}

/// Writes a rendition's initialisation segment and all segments into one file.
async fn join(
    deps: &Deps,
    pulse: &Pulse,
    layout: &Layout,
    made: &RenditionManifest,
    file: &Path,
) -> Result<(), Error> {
    let mut joined = fs::File::create(file).await?;
    joined.write_all(&deps.store.get_bytes(&layout.init(&made.name)?).await?).await?;
    let reads = stream::iter(made.segments.clone());
    let reads = reads
        .map(|segment| async move { manifests::segment(deps, layout, &made.name, &segment).await });
    let mut reads = std::pin::pin!(reads.buffered(READS));
    let mut done = 0;
    while let Some(bytes) = reads.try_next().await? {
        joined.write_all(&bytes).await?;
        done += bytes.len() as u64;
        pulse.set(&done);
    }
    joined.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use fixtures::{Clip, marks, tools};
    use media::options::{Options, Preset};

    use super::*;
    use crate::studio::Studio;

    /// Lines that ffprobe writes for a file.
    fn probed(file: &Path, args: &[&str]) -> Vec<String> {
        let mut ffprobe = tools::command(tools::ffprobe().unwrap());
        let output = ffprobe.args(["-v", "error", "-of", "csv=p=0"]).args(args).arg(file).output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        let lines = text.lines().map(|line| line.trim_end_matches(',').to_owned());
        lines.filter(|line| !line.is_empty() && !line.starts_with("H.26")).collect()
    }

    async fn made(studio: &Studio, clip: &Clip, preset: Preset) -> (Input, Output) {
        let (source, facts) = studio.source(&clip.path()).await;
        let plan = Studio::plan(&facts, &Options { preset: Some(preset), ..Options::default() });
        Box::pin(studio.encode(&source, &plan)).await;
        let input = Input { video: studio.video, source, plan, rung: "240p".to_owned() };
        let output = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        (input, output)
    }

    fn place(studio: &Studio, output: &Output) -> std::path::PathBuf {
        studio.deps.store.folder_root().unwrap().join(&output.file)
    }

    #[tokio::test]
    async fn every_picture_is_there_from_zero_on_with_its_sound() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        for (fps, preset) in [("30000/1001", Preset::Veryfast), ("25", Preset::Ultrafast)] {
            let clip = Clip::flash_and_beep().seconds(13).fps(fps);
            let studio = Studio::open().await;
            let (input, output) = made(&studio, &clip, preset).await;
            let file = place(&studio, &output);
            assert_eq!(output.bytes, fs_err::metadata(&file).unwrap().len());
            assert!(output.file.ends_with("/outputs/mp4/240p.mp4"), "{}", output.file);
            let grid = input.plan.video.unwrap().grid;
            let frames = ["-select_streams", "v", "-show_entries", "frame=pts_time,key_frame"];
            let frames = probed(&file, &frames);
            assert_eq!(frames.len() as u64, grid.frames);
            for (at, line) in (0..).zip(&frames) {
                let (key, time) = line.split_once(',').unwrap();
                assert_eq!(key == "1", at % u64::from(grid.gop_frames()) == 0, "{fps} {at} {line}");
                assert!((time.parse::<f64>().unwrap() - grid.seconds(at)).abs() < 1e-5, "{line}");
            }
            let lasting = probed(&file, &["-show_entries", "format=duration:stream=duration"]);
            for seconds in lasting.iter().map(|line| line.parse::<f64>().unwrap()) {
                let off = (seconds - grid.duration_seconds()).abs();
                assert!(off <= grid.seconds(1), "{fps}: {lasting:?}");
            }
            for offset in marks::offsets(&file) {
                assert!(offset.abs() < 0.01, "{fps}: the beep is {offset} s late");
            }
            for (flash, mark) in marks::flashes(&file).iter().zip(clip.marks()) {
                assert!((flash - mark).abs() < 1e-3, "{fps}: {flash} instead of {mark}");
            }
            let bytes = fs_err::read(&file).unwrap();
            let at = |kind: &[u8]| bytes.windows(4).position(|four| four == kind).unwrap();
            assert!(at(b"moov") < at(b"mdat"));
            assert!(!bytes.windows(4).any(|four| four == b"moof"));
        }
    }

    #[tokio::test]
    async fn a_second_run_finds_the_first_and_a_silent_video_has_no_sound() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let mut studio = Studio::open().await;
        let (input, output) = made(&studio, &Clip::new().without_audio(), Preset::Ultrafast).await;
        let file = place(&studio, &output);
        assert_eq!(probed(&file, &["-show_entries", "stream=codec_type"]), ["video"]);
        let before = fs_err::read(&file).unwrap();
        studio.deps.tools.ffmpeg = "no-such-program".into();
        let again = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        assert_eq!(again, output);
        studio.deps.tools = ffmpeg::Tools::default();
        let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input));
        studio.deps.store.delete(&record.unwrap()).await.unwrap();
        assert_eq!(run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap(), output);
        assert_eq!(fs_err::read(&file).unwrap(), before);
        assert_eq!(fs_err::read_dir(studio.deps.scratch.path().unwrap()).unwrap().count(), 1);
        let unknown = Input { rung: "999p".to_owned(), ..input };
        let error = run(&studio.deps, &Pulse::still(), unknown).await.unwrap_err();
        assert!(matches!(error, Error::Media { code: ErrorCode::OptionNotMet, .. }), "{error}");
    }
}
