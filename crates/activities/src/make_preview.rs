//! Makes a short clip from finished segments, in a folder of its own. Nothing is encoded.
//!
//! Run twice, the second run finds the record; without the record it writes the same objects again,
//! the master playlist last.

use contract::{
    ErrorCode, PreviewOutput,
    make_preview::{Input, NAME, Output},
};
use media::{
    fmp4,
    playlist::{MediaPlaylist, master_playlist, media_playlist},
    preview::{self, Cut, Part},
};
use storage::layout::{INIT, Layout};

use crate::{
    Deps,
    failure::Error,
    fingerprint,
    manifests::{self, once},
    pulse::Pulse,
};

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    let work = Box::pin(make(deps, pulse, &input));
    once(deps, &record, "the preview's record", work).await.map(|(output, _)| output)
}

async fn make(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let plan = &input.plan;
    let grid = plan.video.as_ref().map(|video| video.grid);
    let grid = grid.or(plan.audio.first().map(|track| track.grid)).ok_or_else(incomplete)?;
    let cut = choose(deps, input, preview::segments_for(input.option.seconds, grid)).await?;
    for (part, folder) in [(&cut.video, preview::VIDEO), (&cut.audio, preview::AUDIO)] {
        if let Some(part) = part {
            copy(deps, pulse, &layout, part, &format!("preview/{folder}")).await?;
        }
    }
    let master = layout.preview()?;
    deps.store.put_bytes(&master, master_playlist(&cut.master(grid.rate))).await?;
    let (start_seconds, duration_seconds) = cut.place();
    Ok(PreviewOutput { playlist: master.to_string(), start_seconds, duration_seconds })
}

/// The part of the finished renditions that is shown.
async fn choose(deps: &Deps, input: &Input, count: usize) -> Result<Cut, Error> {
    let plan = &input.plan;
    let encoded = manifests::encoded(deps, input.video, &input.source, plan).await?;
    let made = |name: &str| encoded.rendition(name).ok_or_else(incomplete);
    let rung = plan.video.as_ref().and_then(preview::rung);
    let pictures = rung.map(|rung| made(&rung.name)).transpose()?;
    let sound = preview::sound(plan, rung).map(|folder| made(&folder)).transpose()?;
    preview::cut(pictures, sound, count).ok_or_else(incomplete)
}

/// Copies a part of a rendition, its playlist last.
async fn copy(
    deps: &Deps,
    pulse: &Pulse,
    layout: &Layout,
    part: &Part,
    folder: &str,
) -> Result<(), Error> {
    let rendition = part.rendition(folder);
    let init = deps.store.get_bytes(&layout.init(&part.source.name)?).await?;
    deps.store.put_bytes(&layout.init(folder)?, init).await?;
    for (from, to) in part.source.segments.iter().zip(&rendition.segments) {
        let bytes = manifests::segment(deps, layout, &part.source.name, from).await?;
        let (mut bytes, mut number) = (bytes.to_vec(), to.index);
        fmp4::each_fragment(&mut bytes, |fragment| {
            fmp4::set_back(fragment, part.back)?;
            // Only the last segment has more than one fragment.
            number += 1;
            fmp4::renumber(fragment, number)
        })?;
        deps.store.put_bytes(&layout.rendition_file(folder, &to.name)?, bytes).await?;
        pulse.set(&to.index);
    }
    let (timescale, segments) = (rendition.timescale, &rendition.segments);
    let text = media_playlist(&MediaPlaylist { timescale, init: INIT, segments });
    Ok(deps.store.put_bytes(&layout.playlist(folder)?, text).await?)
}

fn incomplete() -> Error {
    let message = "the segments a preview is made of are not complete";
    Error::media(ErrorCode::OutputInvalid, message)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use fixtures::{Clip, marks, tools};
    use media::options::{Options, Preset, PreviewOption};

    use super::*;
    use crate::{clean_up, studio::Studio};

    async fn made(studio: &Studio, file: &Path, seconds: u32) -> (Input, Output, PathBuf) {
        let (source, facts) = studio.source(file).await;
        let options = Options { preset: Some(Preset::Superfast), ..Options::default() };
        let plan = Studio::plan(&facts, &options);
        Box::pin(studio.encode(&source, &plan)).await;
        let option = PreviewOption { seconds };
        let input = Input { video: studio.video, source, plan, option };
        let output = Box::pin(run(&studio.deps, &Pulse::still(), input.clone())).await.unwrap();
        let after = contract::clean_up::After::Ready;
        let clean = contract::clean_up::Input { video: studio.video, after, attempt: None };
        Box::pin(clean_up::run(&studio.deps, clean)).await.unwrap();
        let place = studio.deps.store.folder_root().unwrap().join(&output.playlist);
        (input, output, place)
    }

    /// A hash of every decoded picture.
    fn pictures(playlist: &Path) -> Vec<String> {
        let mut ffmpeg = tools::command(tools::ffmpeg().unwrap());
        ffmpeg.args(["-v", "error", "-i"]).arg(playlist);
        let output = ffmpeg.args(["-map", "0:v:0", "-f", "framemd5", "-"]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let text = String::from_utf8(output.stdout).unwrap();
        let hash = |line: &str| line.rsplit(',').next().unwrap().trim().to_owned();
        text.lines().filter(|line| !line.starts_with('#')).map(hash).collect()
    }

    /// When the first of both tracks begins, in seconds.
    fn start_time(playlist: &Path) -> f64 {
        let mut ffprobe = tools::command(tools::ffprobe().unwrap());
        ffprobe.args(["-v", "error", "-show_entries", "format=start_time", "-of", "csv=p=0"]);
        let text = ffprobe.arg(playlist).output().unwrap().stdout;
        String::from_utf8(text).unwrap().trim().parse().unwrap()
    }

    #[tokio::test]
    async fn it_shows_the_same_pictures_from_zero_on_and_survives_clean_up() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        let clip = Clip::new().size(160, 120).seconds(20).fps("30000/1001");
        let (input, output, place) = Box::pin(made(&studio, &clip.path(), 12)).await;
        assert!(output.playlist.ends_with("/outputs/preview/preview.m3u8"), "{output:?}");
        assert!((output.start_seconds - 6.006).abs() < 1e-6, "{output:?}");
        assert!((output.duration_seconds - 12.012).abs() < 1e-6, "{output:?}");
        let name = &input.plan.video.unwrap().rungs[0].name;
        let whole = place.with_file_name("..").join(name).join("index.m3u8");
        assert_eq!(pictures(&place), pictures(&whole)[180..540]);
        let text =
            fs_err::read_to_string(place.with_file_name("video").join("index.m3u8")).unwrap();
        assert_eq!(text.matches("#EXTINF:6.006000,\nseg-0000").count(), 2, "{text}");
    }

    #[tokio::test]
    async fn sound_stays_with_its_picture() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        for (fps, seconds) in [("25", 6), ("24000/1001", 60)] {
            let studio = Studio::open().await;
            let clip = Clip::flash_and_beep().size(160, 120).seconds(20).fps(fps);
            let (_, output, place) = Box::pin(made(&studio, &clip.path(), seconds)).await;
            // Beeps are counted from the beginning of the file, which is that of the first track.
            let start = start_time(&place);
            assert!((0.0..0.022).contains(&start), "{start}");
            let offsets = marks::offsets(&place);
            for offset in offsets.iter().map(|offset| offset + start) {
                assert!(offset.abs() < 0.01, "{fps}: the beep is {offset} s late");
            }
            let within = |mark: &f64| {
                let end = output.start_seconds + output.duration_seconds;
                (output.start_seconds..end).contains(mark)
            };
            let marks = clip.marks();
            assert_eq!(offsets.len(), marks.iter().filter(|mark| within(mark)).count(), "{fps}");
            assert_eq!(output.start_seconds > 0.0, seconds == 6, "{output:?}");
        }
    }

    #[tokio::test]
    async fn it_does_not_begin_with_black() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        let file = studio.folder.path().join("late.mp4");
        let mut ffmpeg = tools::command(tools::ffmpeg().unwrap());
        let card = "testsrc2=s=160x120:r=25:d=40,drawbox=c=black:t=fill:enable='lt(t,14)'";
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", card, "-preset", "ultrafast"]);
        assert!(ffmpeg.args(["-pix_fmt", "yuv420p"]).arg(&file).status().unwrap().success());
        let (_, output, place) = Box::pin(made(&studio, &file, 6)).await;
        assert!((output.start_seconds - 18.0).abs() < 1e-6, "{output:?}");
        assert_eq!(pictures(&place).len(), 150);
    }

    #[tokio::test]
    async fn sound_alone_has_a_preview_too_and_a_second_run_changes_nothing() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let mut studio = Studio::open().await;
        let file = studio.folder.path().join("tone.wav");
        let mut ffmpeg = tools::command(tools::ffmpeg().unwrap());
        ffmpeg.args(["-v", "error", "-f", "lavfi", "-i", "sine=d=25"]).arg(&file);
        assert!(ffmpeg.status().unwrap().success());
        let (input, output, place) = Box::pin(made(&studio, &file, 12)).await;
        assert!((5.9..6.1).contains(&output.start_seconds), "{output:?}");
        assert!((11.9..12.1).contains(&output.duration_seconds), "{output:?}");
        let text = fs_err::read_to_string(&place).unwrap();
        assert!(text.ends_with("CODECS=\"mp4a.40.2\"\naudio/index.m3u8\n"), "{text}");
        assert!(start_time(&place).abs() < 1e-6);
        // Clean-up has removed manifests and record: nothing may be left behind as if it were whole.
        studio.deps.tools.ffmpeg = "no-such-program".into();
        let error = run(&studio.deps, &Pulse::still(), input).await.unwrap_err();
        assert!(matches!(error, Error::Media { code: ErrorCode::OutputInvalid, .. }), "{error}");
        assert_eq!(fs_err::read_to_string(&place).unwrap(), text);
    }
}
