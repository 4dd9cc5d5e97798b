//! What the still picture shows, read from its pixels.

use contract::StoredSource;
use fixtures::Clip;
use media::{
    options::{ThumbnailMode, ThumbnailOption},
    source::SourceFacts,
};

use super::*;
use crate::studio::Studio;

const AUTO: ThumbnailOption =
    ThumbnailOption { mode: ThumbnailMode::Auto, at_seconds: None, widths: Vec::new() };

fn at(seconds: f64) -> ThumbnailOption {
    ThumbnailOption { mode: ThumbnailMode::Timestamp, at_seconds: Some(seconds), ..AUTO }
}

async fn make(
    studio: &Studio,
    (source, facts): &(StoredSource, SourceFacts),
    option: ThumbnailOption,
) -> Result<Output, Error> {
    let (source, facts) = (source.clone(), facts.clone());
    let input = Input { video: studio.video, source, facts, option };
    run(&studio.deps, &Pulse::still(), input).await
}

/// A picture of one brightness that rises by one level each frame, from 20.
fn clock() -> Clip {
    let level = ["-vf", "geq=lum='20+N':cb=128:cr=128"];
    Clip::new().seconds(16).fps("10").without_audio().output_args(level)
}

/// The frame a still of the clock shows.
async fn frame(studio: &Studio, made: &Output) -> f64 {
    let pixels = studio.decoded(&made.image, "gray").await;
    let mean = pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / pixels.len() as f64;
    mean * 219.0 / 255.0 + 16.0 - 20.0
}

#[tokio::test]
async fn a_time_shows_exactly_its_frame() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    // Key frames close together; only one; and a container that seeks by bytes and starts late.
    let clips = [clock(), clock().key_frame_every(1000), clock().container("ts")];
    for clip in clips {
        let studio = Studio::open().await;
        let source = studio.source(&clip.path()).await;
        for seconds in [0.1, 7.75, 16.0] {
            let made = make(&studio, &source, at(seconds)).await.unwrap();
            let expected = (seconds * 10.0).floor().min(159.0);
            let shown = frame(&studio, &made).await;
            assert!((shown - expected).abs() < 0.6, "{seconds} s of {clip:?}: {shown}");
            assert!((made.at_seconds.unwrap() - expected / 10.0).abs() < 1e-6);
        }
    }
}

#[tokio::test]
async fn a_time_behind_the_end_is_refused() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    let source = studio.source(&Clip::new().path()).await;
    let error = make(&studio, &source, at(2.5)).await.unwrap_err();
    let Error::Media { code, message } = error else { panic!("{error}") };
    assert_eq!(code, ErrorCode::InvalidOptions);
    assert!(message.contains("ends at 2.000 s"), "{message}");
}

#[tokio::test]
async fn the_choice_is_not_black_and_not_flat() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    let hidden =
        "drawbox=t=fill:color=black:enable='lt(t,5)',drawbox=t=fill:color=red:enable='gt(t,6)'";
    let clip = Clip::new().seconds(10).without_audio().output_args(["-vf", hidden]);
    let source = studio.source(&clip.path()).await;
    let made = make(&studio, &source, AUTO).await.unwrap();
    assert!((5.0..6.0).contains(&made.at_seconds.unwrap()), "{made:?}");
    assert_eq!(make(&studio, &source, AUTO).await.unwrap(), made);
}

#[tokio::test]
async fn a_scene_shows_a_picture_shortly_after_the_strongest_change() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    // Black from 8 s is the strongest change, but nothing is seen after it.
    let scenes = "negate=enable='between(t,4,8)',drawbox=t=fill:color=black:enable='gte(t,8)'";
    let clip = Clip::new().seconds(10).without_audio().output_args(["-vf", scenes]);
    let source = studio.source(&clip.path()).await;
    let scene = ThumbnailOption { mode: ThumbnailMode::Scene, ..AUTO };
    let made = make(&studio, &source, scene).await.unwrap();
    assert!((4.0..6.1).contains(&made.at_seconds.unwrap()), "{made:?}");
}

#[tokio::test]
async fn colours_and_sizes_are_those_of_the_video() {
    let Some(_) = fixtures::require_or_skip("ffmpeg") else { return };
    for (matrix, tags) in [("bt709", "bt709"), ("bt601", "smpte170m")] {
        let studio = Studio::open().await;
        let graph = format!(
            "format=rgb24,drawbox=t=fill:color=0xff8000,drawbox=w=iw/2:t=fill:color=0x0040c0,scale=out_color_matrix={matrix}:out_range=tv,setsar=2"
        );
        let tagged = ["-vf", &graph, "-colorspace", tags, "-color_range", "tv"];
        let clip = Clip::new().size(320, 240).without_audio().output_args(tagged);
        let source = studio.source(&clip.path()).await;
        let option = ThumbnailOption { widths: vec![1280, 64], ..at(1.0) };
        let made = make(&studio, &source, option).await.unwrap();
        assert_eq!((made.width, made.height), (640, 240));
        let [small] = &made.sizes[..] else { panic!("{made:?}") };
        assert_eq!((small.width, small.height), (64, 24));
        assert!(small.image.ends_with("/thumbnail-64.jpg"), "{small:?}");
        assert_eq!(studio.decoded(&small.image, "rgb24").await.len(), 64 * 24 * 3);
        let pixels = studio.decoded(&made.image, "rgb24").await;
        assert_eq!(pixels.len(), 640 * 240 * 3);
        for (x, expected) in [(100, [0x00, 0x40, 0xc0]), (540, [0xff, 0x80, 0x00])] {
            let at = (120 * 640 + x) * 3;
            let near = pixels[at..at + 3].iter().zip(expected).all(|(p, e)| p.abs_diff(e) < 6);
            assert!(near, "{matrix} at {x}: {:?}", &pixels[at..at + 3]);
        }
    }
}

#[tokio::test]
async fn sound_has_its_cover_or_none() {
    let Some(ffmpeg) = fixtures::require_or_skip("ffmpeg") else { return };
    let studio = Studio::open().await;
    let file = |name: &str| studio.folder.path().join(name);
    let sound =
        "-v error -f lavfi -i sine=d=1 -f lavfi -i color=0xff8000:s=1600x900:d=0.04 -c:a aac";
    for (name, output) in
        [("cover.m4a", "-map 0 -map 1 -c:v png -disposition:v attached_pic"), ("plain.m4a", "-vn")]
    {
        let mut command = fixtures::tools::command(&ffmpeg);
        command.args(sound.split(' ')).args(output.split(' ')).arg(file(name));
        assert!(command.status().unwrap().success());
    }
    let source = studio.source(&file("cover.m4a")).await;
    let made = make(&studio, &source, ThumbnailOption { widths: vec![320], ..AUTO }).await.unwrap();
    assert_eq!((made.width, made.height, made.at_seconds), (1280, 720, None));
    assert_eq!((made.sizes[0].width, made.sizes[0].height), (320, 180));
    let pixels = studio.decoded(&made.image, "rgb24").await;
    let near = pixels[..3].iter().zip([0xff, 0x80, 0x00]).all(|(p, e)| p.abs_diff(e) < 6);
    assert!(near && pixels.len() == 1280 * 720 * 3, "{:?}", &pixels[..3]);
    let plain = studio.source(&file("plain.m4a")).await;
    let error = make(&studio, &plain, AUTO).await.unwrap_err();
    assert!(matches!(error, Error::Media { code: ErrorCode::OptionNotMet, .. }), "{error}");
}

#[tokio::test]
async fn turned_and_mirrored_pictures_are_upright() {
    let Some(corpus) = fixtures::corpus() else { return };
    for (name, size) in [
        ("people_720p_rot270_5s.mp4", (720, 1280)),
        ("rotate_and_mirror.mp4", (720, 1080)),
        ("phone_vfr_rot180_2s.mp4", (1280, 720)),
    ] {
        let studio = Studio::open().await;
        let source = studio.source(&corpus.join(name)).await;
        let made = make(&studio, &source, at(0.5)).await.unwrap();
        assert_eq!((made.width, made.height), size, "{name}");
    }
}
