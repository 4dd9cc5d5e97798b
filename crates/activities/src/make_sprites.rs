//! Makes the small pictures for the player's time bar. Run twice, the second run finds the record
//! and decodes nothing.

use contract::{
    ErrorCode,
    make_sprites::{Input, NAME, Output},
};
use media::sprites::{Storyboard, sheet_name};
use storage::layout::Layout;

use crate::{Deps, failure::Error, fingerprint, manifests::once, pulse::Pulse, source};

const RECORD: &str = "the record of the storyboard";

pub(crate) async fn run(deps: &Deps, pulse: &Pulse, input: Input) -> Result<Output, Error> {
    let record = Layout::new(input.video).record(NAME, &fingerprint::input(NAME, &input))?;
    Ok(once(deps, &record, RECORD, Box::pin(make(deps, pulse, &input))).await?.0)
}

async fn make(deps: &Deps, pulse: &Pulse, input: &Input) -> Result<Output, Error> {
    let Some(video) = &input.facts.video else {
        let message = "sprites were asked for, but the source has no picture";
        return Err(Error::media(ErrorCode::OptionNotMet, message));
    };
    let grid = video.timeline.grid();
    let board = Storyboard::new(grid.micros(grid.frames), video.display_size(), &input.option);
    let source = source::open(deps, &input.source).await?;
    let scratch = deps.scratch.attempt(&format!("sprites-{}", input.video))?;
    let mut steps = 0_u64;
    let beat = || {
        steps += 1;
        pulse.set(&steps);
    };
    let (tools, facts, dir) = (&deps.tools, &input.facts, scratch.path());
    let sheets = ffmpeg::sheets(tools, source.input(), facts, &board, dir, beat);
    let files = source.during(sheets).await?;
    let layout = Layout::new(input.video);
    for (index, file) in (0..).zip(&files) {
        deps.store.put_file(&layout.sprites(&sheet_name(index))?, file).await?;
    }
    let vtt = layout.sprites("sprites.vtt")?;
    deps.store.put_bytes(&vtt, board.vtt()).await?;
    let (pictures, sheets) = (board.moments.count, board.sheets());
    Ok(Output { vtt: vtt.to_string(), pictures, sheets })
}

#[cfg(test)]
mod tests {
    use fixtures::Clip;
    use media::options::SpritesOption;

    use super::*;
    use crate::studio::Studio;

    /// A picture whose brightness tells the time: 8 levels a second, of limited range.
    fn clock(seconds: u32) -> Clip {
        let level = ["-vf", "geq=lum='20+8*T':cb=128:cr=128"];
        Clip::new()
            .seconds(seconds)
            .fps("10")
            .key_frame_every(10)
            .without_audio()
            .output_args(level)
    }

    async fn input(studio: &Studio, clip: &Clip, interval_seconds: Option<u32>) -> Input {
        let (source, facts) = studio.source(&clip.path()).await;
        let option = SpritesOption { interval_seconds, width: None };
        Input { video: studio.video, source, facts, option }
    }

    /// The time that each picture of the index shows, read from its pixels.
    async fn times(studio: &Studio, made: &Output) -> Vec<(f64, f64)> {
        let vtt = String::from_utf8(studio.read(&made.vtt).await).unwrap();
        let cues: Vec<&str> = vtt.split("\n\n").skip(1).collect();
        assert_eq!(cues.len(), made.pictures as usize, "{vtt}");
        let mut times = Vec::new();
        for cue in cues {
            let (time, text) = cue.trim().split_once('\n').unwrap();
            let (sheet, place) = text.split_once("#xywh=").unwrap();
            let start: f64 = time.split(" --> ").next().unwrap()[6..].parse().unwrap();
            let place: Vec<usize> = place.split(',').map(|n| n.parse().unwrap()).collect();
            let pixels = studio.decoded(&made.vtt.replace("sprites.vtt", sheet), "gray").await;
            let columns = (made.pictures as usize).min(10);
            let middle = (place[1] + place[3] / 2) * columns * place[2] + place[0] + place[2] / 2;
            times.push((start, (f64::from(pixels[middle]) * 219.0 / 255.0 + 16.0 - 20.0) / 8.0));
        }
        times
    }

    #[tokio::test]
    async fn a_picture_shows_the_middle_of_its_interval() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        let input = input(&studio, &clock(24), None).await;
        let made = run(&studio.deps, &Pulse::still(), input).await.unwrap();
        assert_eq!((made.pictures, made.sheets), (12, 1));
        for (start, shown) in times(&studio, &made).await {
            assert!((shown - start - 1.0).abs() < 0.25, "{start}: {shown}");
        }
    }

    #[tokio::test]
    async fn sought_pictures_lie_in_their_interval() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let studio = Studio::open().await;
        let input = input(&studio, &clock(24), Some(5)).await;
        let made = run(&studio.deps, &Pulse::still(), input).await.unwrap();
        assert_eq!((made.pictures, made.sheets), (5, 1));
        for (start, shown) in times(&studio, &made).await {
            // The key frame before the middle, at most a second earlier.
            assert!((1.3..2.7).contains(&(shown - start)), "{start}: {shown}");
        }
    }

    #[tokio::test]
    async fn a_seek_that_lands_elsewhere_is_not_believed() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        // One key frame where the facts promise many; then seeks that all land ten seconds late.
        for (key_frame_every, late_us) in [(1000, 0), (10, 10_000_000)] {
            let studio = Studio::open().await;
            let clip = clock(24).key_frame_every(key_frame_every);
            let mut input = input(&studio, &clip, Some(5)).await;
            input.facts.video.as_mut().unwrap().timeline.key_frames = 24;
            input.facts.container_start_us -= late_us;
            let made = run(&studio.deps, &Pulse::still(), input).await.unwrap();
            for (start, shown) in times(&studio, &made).await {
                let expected = if start < 5.0 && late_us == 0 { 0.0 } else { start + 2.5 };
                assert!((shown - expected).abs() < 0.25, "{late_us}, {start}: {shown}");
            }
        }
    }

    #[tokio::test]
    async fn a_single_picture_is_a_storyboard_too() {
        let studio = Studio::open().await;
        let clip = Clip::new().seconds(1).without_audio().output_args(["-frames:v", "1"]);
        let input = input(&studio, &clip, None).await;
        let made = run(&studio.deps, &Pulse::still(), input).await.unwrap();
        assert_eq!((made.pictures, made.sheets), (1, 1));
    }

    #[tokio::test]
    async fn a_second_run_decodes_nothing() {
        let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
        let mut studio = Studio::open().await;
        let input = input(&studio, &Clip::new(), None).await;
        let made = run(&studio.deps, &Pulse::still(), input.clone()).await.unwrap();
        studio.deps.tools.ffmpeg = "no-such-program".into();
        assert_eq!(run(&studio.deps, &Pulse::still(), input).await.unwrap(), made);
    }
}
