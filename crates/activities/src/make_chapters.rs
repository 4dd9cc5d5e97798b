//! Writes chapters: one per scene, or those of the source. Run twice, the second run finds the
//! record and decodes nothing.

use contract::{
    ErrorCode,
    make_chapters::{Input, NAME, Output},
};
use media::{
    chapters::{self, Chapter},
    options::ChaptersOption,
};
use storage::layout::Layout;

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse, source};

const RECORD: &str = "the record of chapters";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    Ok(once(deps, &record, RECORD, Box::pin(make(deps, pulse, &input))).await?.0)
}

async fn make(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let layout = Layout::new(input.video);
    let chapters = match input.option {
        Some(option) => found(deps, pulse, input, option).await?,
        None => listed(deps, input).await?,
    };
    let vtt = layout.chapters("chapters.vtt")?;
    let json = layout.chapters("chapters.json")?;
    let hls = serde_json::to_vec(&chapters::hls(&chapters))
        .map_err(|source| Error::Unreadable { what: "the chapters", source })?;
    deps.store.put_bytes(&vtt, chapters::vtt(&chapters)).await?;
    deps.store.put_bytes(&json, hls).await?;
    Ok(Output {
        vtt: vtt.to_string(),
        json: json.to_string(),
        count: u32::try_from(chapters.len()).unwrap_or(u32::MAX),
        from_source: input.option.is_none(),
    })
}

/// Chapters at scene changes.
async fn found(
    deps: &Deps,
    pulse: &Pulse,
    input: &Input,
    option: ChaptersOption,
) -> Result<Vec<Chapter>, Error> {
    let Some(video) = &input.facts.video else {
        let message = "chapters at scene changes were asked for, but the source has no picture";
        return Err(Error::media(ErrorCode::OptionNotMet, message));
    };
    let source = source::open(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("chapters-{}", input.video))?;
    let (threshold, beat) = (option.scene_threshold, |micros: u64| pulse.set(&micros));
    let (grid, dir) = (video.timeline.grid(), scratch.path());
    let end_us = grid.micros(grid.frames);
    let (tools, facts, read) = (&deps.tools, &input.facts, source.input());
    let changes = ffmpeg::changes(tools, read, facts, threshold, end_us, dir, beat);
    let changes = source.during(changes).await?;
    let starts = chapters::scenes(&changes, threshold, option.min_seconds, grid);
    Ok(chapters::of_scenes(&starts, grid))
}

/// Chapters of the source.
#[expect(clippy::cast_possible_truncation, reason = "microseconds of any video fit")]
async fn listed(deps: &Deps, input: &Input) -> Result<Vec<Chapter>, Error> {
    let source = source::open(deps, &input.source).await?;
    let listed = ffmpeg::chapters(&deps.tools, source.input(), &input.facts);
    let listed = source.during(listed).await?;
    let duration_us = (input.facts.duration_seconds() * 1e6) as i64;
    let chapters = chapters::imported(listed, duration_us);
    if chapters.is_empty() {
        let message = "the source lists no chapters; give `chapters` to find scenes instead";
        return Err(Error::media(ErrorCode::OptionNotMet, message));
    }
    Ok(chapters)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use fixtures::Clip;

    use super::*;
    use crate::studio::Studio;

    async fn make(studio: &Studio, file: &Path, option: Option<ChaptersOption>) -> (Input, Output) {
        let (source, facts) = studio.source(file).await;
        let input = Input { video: studio.video, source, facts, option };
        let output = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        (input, output)
    }

    async fn starts(studio: &Studio, made: &Output) -> Vec<f64> {
        let json: serde_json::Value =
            serde_json::from_slice(&studio.read(&made.json).await).unwrap();
        let chapters = json.as_array().unwrap();
        assert_eq!(chapters.len(), made.count as usize);
        chapters.iter().map(|chapter| chapter["start-time"].as_f64().unwrap()).collect()
    }

    #[tokio::test]
    async fn cuts_of_a_real_video_are_found_to_the_frame() {
        let Some(corpus) = fixtures::corpus() else { return };
        let studio = Studio::open().await;
        let file = corpus.join("montage_360p30_48s_cuts.mp4");
        let (_, made) = make(&studio, &file, Some(ChaptersOption::default())).await;
        let found = starts(&studio, &made).await;
        for built in [0.0, 10.0, 16.0, 21.0, 29.0, 38.0] {
            let near = found.iter().any(|at| (at - built).abs() < 1.0 / 30.0);
            assert!(near, "{built} is not among {found:?}");
        }
        // The others are cuts within the parts: 41.033 s seen by eye, the rest listed in INDEX.md.
        let natural = [14.0, 41.033, 43.467, 45.467];
        let built = [0.0, 10.0, 16.0, 21.0, 29.0, 38.0];
        for at in &found {
            let known = built.iter().chain(&natural).any(|cut| (at - cut).abs() < 1.0 / 30.0);
            assert!(known, "no cut at {at}");
        }
    }

    #[tokio::test]
    async fn cuts_between_dark_pictures_are_found_and_noise_is_not_one() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        // Three dark scenes of 3 s, different patterns, film grain over them.
        let scenes =
            "geq=lum='24+14*mod(floor((X+Y*floor(T/3+1))/24),2)+4*random(1)':cb=128:cr=128";
        let clip = Clip::new().seconds(9).without_audio().output_args(["-vf", scenes]);
        let option = ChaptersOption { min_seconds: 0.0, ..ChaptersOption::default() };
        let (_, made) = make(&studio, &clip.path(), Some(option)).await;
        assert_eq!(starts(&studio, &made).await, [0.0, 3.0, 6.0]);
        let vtt = String::from_utf8(studio.read(&made.vtt).await).unwrap();
        assert!(vtt.contains("00:00:03.000 --> 00:00:06.000\nChapter 2\n"), "{vtt}");
        assert!(!made.from_source);
    }

    #[tokio::test]
    async fn a_video_without_changes_is_one_chapter_and_a_second_run_decodes_nothing() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let mut studio = Studio::open().await;
        let still = ["-vf", "loop=loop=-1:size=1:start=0"];
        let clip = Clip::new().seconds(4).fps("30000/1001").without_audio().output_args(still);
        let (input, made) = make(&studio, &clip.path(), Some(ChaptersOption::default())).await;
        let vtt = String::from_utf8(studio.read(&made.vtt).await).unwrap();
        assert_eq!(vtt, "WEBVTT\n\n00:00:00.000 --> 00:00:04.004\nChapter 1\n");
        studio.deps.tools.ffmpeg = "no-such-program".into();
        assert_eq!(run(&studio.deps, &Pulse::still(), input).await.unwrap(), made);
    }

    #[tokio::test]
    async fn chapters_of_the_source_keep_their_names_and_times() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        let list = studio.folder.path().join("list.txt");
        let chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=5000\nEND=6500\ntitle=A <b> & Ünï\n\
                        [CHAPTER]\nTIMEBASE=1/1000\nSTART=6500\nEND=60000\ntitle=The rest\n";
        fs_err::write(&list, chapters).unwrap();
        let file = studio.folder.path().join("chapters.mkv");
        let done = fixtures::tools::command(fixtures::tools::ffmpeg().unwrap())
            .args(["-v", "error", "-i"])
            .arg(Clip::new().path())
            .arg("-i")
            .arg(&list)
            .args(["-map", "0", "-map_chapters", "1", "-c", "copy", "-output_ts_offset", "5"])
            .arg(&file)
            .status();
        assert!(done.unwrap().success());
        let (_, made) = make(&studio, &file, None).await;
        assert!(made.from_source && made.count == 2, "{made:?}");
        let vtt = String::from_utf8(studio.read(&made.vtt).await).unwrap();
        assert_eq!(
            vtt,
            "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nA &lt;b&gt; &amp; Ünï\n\n\
             00:00:01.500 --> 00:00:02.000\nThe rest\n"
        );
    }
}
