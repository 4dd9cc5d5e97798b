//! Facts of clips whose making is known, and what is not read at all.

use std::path::Path;

use ffmpeg::{Error, Input};
use media::source::{NonStandard, Rotation, SourceFacts};

async fn facts(tools: &ffmpeg::Tools, path: &Path) -> Result<SourceFacts, Error> {
    ffmpeg::probe(tools, &Input::Path(path.into()), |_| {}).await
}

const CLIP: &str = "-f lavfi -i testsrc2=d=2:r=25:s=322x240 -f lavfi -i sine=d=2:r=48000";

#[tokio::test]
async fn a_plain_clip_is_described() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("-i clip.mp4");
    let coded =
        "-vf setsar=3/2 -c:v libx264 -pix_fmt yuv420p -c:a aac -metadata:s:a:0 language=deu";
    let tags = "-colorspace bt709 -color_primaries bt709 -color_trc bt709 -color_range tv";
    crate::make(&tools, &format!("{CLIP} {coded} {tags}"), &clip).await;
    let found = facts(&tools, &clip).await.unwrap();
    let video = found.video.as_ref().unwrap();
    assert_eq!((video.codec.as_str(), video.pixel_format.as_str()), ("h264", "yuv420p"));
    assert_eq!((video.coded_width, video.coded_height, video.sample_aspect), (322, 240, (3, 2)));
    assert_eq!(
        (video.color.range.as_deref(), video.color.space.as_deref()),
        (Some("tv"), Some("bt709"))
    );
    assert_eq!(
        (video.color.transfer.as_deref(), video.color.primaries.as_deref()),
        (Some("bt709"), Some("bt709"))
    );
    assert_eq!(video.field_order.as_deref(), Some("progressive"));
    let line = &video.timeline;
    assert_eq!((line.frames, line.constant, line.rate.to_string()), (50, true, "25".into()));
    assert_eq!((video.packets, video.frames_promised, line.start_us()), (50, Some(50), 0));
    let audio = &found.audio[0];
    assert_eq!((audio.codec.as_str(), audio.channels, audio.sample_rate), ("aac", 1, 48_000));
    assert_eq!((audio.start_us, audio.language.as_deref()), (0, Some("deu")));
    assert!((audio.end_us - 2_000_000).abs() < 22_000, "{}", audio.end_us);
    assert_eq!(found.bytes, fs_err::metadata(&clip).unwrap().len());
    assert_eq!((found.non_standard, found.demux_errors), (vec![], 0));
}

#[tokio::test]
async fn the_turn_found_is_the_turn_that_ffmpeg_makes() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (plain, turned) = (dir.path().join("plain.mp4"), dir.path().join("turned.mp4"));
    let corner = "-f lavfi -i color=black:s=64x64:d=0.2,drawbox=w=32:h=32:c=white:t=fill";
    crate::make(&tools, &format!("{corner} -c:v libx264"), &plain).await;
    let mut seen = Vec::new();
    for degrees in [0, 90, 180, 270] {
        let copy = format!("-i {} -c copy -metadata:s:v:0 rotate={degrees}", plain.display());
        crate::make(&tools, &copy, &turned).await;
        let video = facts(&tools, &turned).await.unwrap().video.unwrap();
        // Where the white upper left corner goes: upper left, upper right, lower left, lower right.
        let quarter = match video.rotation {
            Rotation::None => 0,
            Rotation::Right => 1,
            Rotation::Left => 2,
            Rotation::Half => 3,
        };
        let shown = quarters(&tools, &turned).await;
        assert_eq!(shown.iter().position(|&luma| luma > 200), Some(quarter), "{degrees}");
        assert!(!video.mirrored);
        seen.push(quarter);
    }
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3]);
}

/// Luma of the four quarters of the first picture as ffmpeg shows it, row by row.
async fn quarters(tools: &ffmpeg::Tools, path: &Path) -> Vec<u8> {
    let show = "-frames:v 1 -vf scale=2:2:flags=area,format=gray -f rawvideo -";
    let command = ffmpeg::Command::new(&tools.ffmpeg)
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(show.split(' '));
    command.output(fixtures::PATIENCE).await.unwrap().stdout
}

#[tokio::test]
async fn a_cover_is_no_picture_track() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let song = dir.path().join("song.mp4");
    let cover = "-f lavfi -i testsrc2=d=1:r=1:s=640x640 -f lavfi -i sine=d=1 -c:v mjpeg -c:a aac -disposition:v attached_pic";
    crate::make(&tools, cover, &song).await;
    let found = facts(&tools, &song).await.unwrap();
    assert_eq!((found.video, found.audio.len()), (None, 1));
}

#[tokio::test]
async fn the_default_track_is_taken_before_the_largest() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let two = dir.path().join("two.mkv");
    let inputs =
        "-f lavfi -i testsrc2=d=1:s=64x64 -f lavfi -i testsrc2=d=1:s=128x128 -map 0 -map 1";
    for (flags, stream) in [("default", 0), ("0", 1)] {
        let args = format!("{inputs} -disposition:v:0 {flags} -disposition:v:1 0");
        crate::make(&tools, &args, &two).await;
        assert_eq!(facts(&tools, &two).await.unwrap().video.unwrap().stream, stream, "{flags}");
    }
}

#[tokio::test]
async fn the_film_is_taken_before_what_accompanies_it() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mkv");
    let pictures =
        "-f lavfi -i testsrc2=d=2:s=128x128 -f lavfi -i testsrc2=d=2:s=64x64 -map 0 -map 1";
    for flag in ["comment", "visual_impaired", "hearing_impaired"] {
        let args = format!("{pictures} -disposition:v:0 default+{flag} -disposition:v:1 0");
        crate::make(&tools, &args, &file).await;
        assert_eq!(facts(&tools, &file).await.unwrap().video.unwrap().stream, 1, "{flag}");
    }
    // A larger picture that covers little of the time is a still or a slide.
    let still =
        "-f lavfi -i testsrc2=d=1:r=1:s=640x640 -f lavfi -i testsrc2=d=6:s=64x64 -map 0 -map 1";
    crate::make(&tools, &format!("{still} -disposition:v 0"), &file).await;
    assert_eq!(facts(&tools, &file).await.unwrap().video.unwrap().stream, 1);
    let sound = "-f lavfi -i sine=d=2 -f lavfi -i sine=d=2 -map 0 -map 1 -c:a aac";
    for (first, second, right) in [
        ("0", "original", 1),
        ("default", "default+original", 1),
        ("comment", "0", 1),
        ("dub", "original", 1),
        ("visual_impaired", "hearing_impaired", 1),
    ] {
        let args = format!("{sound} -disposition:a:0 {first} -disposition:a:1 {second}");
        crate::make(&tools, &args, &file).await;
        let found = facts(&tools, &file).await.unwrap();
        assert_eq!(found.main_audio().unwrap().stream, right, "{first} {second}");
    }
}

#[tokio::test]
async fn what_is_encrypted_or_impossible_is_said() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let [file, odd] = ["a.mp4", "b.mkv"].map(|name| dir.path().join(name));
    let key = "-encryption_scheme cenc-aes-ctr -encryption_key 76a6c65c5ea762046bd749a2e632ccbb";
    let kid = "-encryption_kid a7e61c373e219033c21091fa607bf3b8";
    crate::make(&tools, &format!("{CLIP} -c:v libx264 -g 5 {key} {kid}"), &file).await;
    let refused = facts(&tools, &file).await.unwrap_err();
    assert!(matches!(refused, ffmpeg::Error::Encrypted), "{refused}");
    crate::make(&tools, &format!("{CLIP} -c:v libx264 -vf setsar=100/1"), &odd).await;
    let found = facts(&tools, &odd).await.unwrap();
    assert_eq!(found.video.unwrap().sample_aspect, (1, 1));
    assert_eq!(found.repairs.len(), 1, "{:?}", found.repairs);
}

#[tokio::test]
async fn a_clock_that_wraps_goes_on() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("wrap.ts");
    // 2³³ ticks of 90 kHz are 95443.718 s.
    let clip =
        "-f lavfi -i testsrc2=d=8:r=25:s=64x64 -f lavfi -i sine=d=8 -c:v libx264 -g 25 -c:a aac";
    crate::make(&tools, &format!("{clip} -output_ts_offset 95440"), &file).await;
    let found = facts(&tools, &file).await.unwrap();
    let line = &found.video.as_ref().unwrap().timeline;
    assert_eq!((line.frames, line.grid_frames), (200, 200), "{found:?}");
    let sound = &found.audio[0];
    assert!((sound.end_us - sound.start_us - 8_000_000).abs() < 100_000, "{sound:?}");
}

#[tokio::test]
async fn a_stream_without_times_is_counted_and_named() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, codec) in [("raw.h264", "-c:v libx264 -bf 2"), ("packed.avi", "-c:v mpeg4 -bf 2")] {
        let path = dir.path().join(name);
        crate::make(&tools, &format!("-f lavfi -i testsrc2=d=2:r=25:s=64x64 {codec}"), &path).await;
        let found = facts(&tools, &path).await.unwrap();
        let line = found.video.unwrap().timeline;
        assert_eq!((line.frames, line.rate.to_string().as_str()), (50, "25"), "{name}");
        assert!(found.non_standard.contains(&NonStandard::MissingTimestamps), "{name}");
    }
}

#[tokio::test]
async fn what_is_no_media_is_refused_and_nothing_else_is_opened() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mp4");
    crate::make(&tools, &format!("{CLIP} -c:v libx264"), &clip).await;
    let hls = format!(
        "#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:2,\n{}\n#EXT-X-ENDLIST\n",
        clip.display()
    );
    let concat = format!("ffconcat version 1.0\nfile '{}'\n", clip.display());
    let sdp = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n";
    let files = [
        ("hls.mp4", hls.as_str()),
        ("concat.mp4", &concat),
        ("sdp.mp4", sdp),
        ("text.mp4", "words"),
        ("empty.mp4", ""),
    ];
    for (name, text) in files {
        let path = dir.path().join(name);
        fs_err::write(&path, text).unwrap();
        let error = facts(&tools, &path).await.unwrap_err();
        let detail = match error {
            Error::InvalidData { detail } => detail,
            Error::UnacceptedFormat { format } => format,
            error => panic!("{name}: {error:?}"),
        };
        assert!(!detail.contains(dir.path().to_str().unwrap()), "{name}: {detail}");
    }
    let image = dir.path().join("image.mp4");
    crate::make(
        &tools,
        "-f lavfi -i testsrc2=d=1 -frames:v 1 -c:v mjpeg -f image2 -update 1",
        &image,
    )
    .await;
    let error = facts(&tools, &image).await.unwrap_err();
    assert!(
        matches!(&error, Error::UnacceptedFormat { format } if format == "jpeg_pipe"),
        "{error:?}"
    );
}

#[tokio::test]
async fn without_ffprobe_the_tool_is_named() {
    let tools = ffmpeg::Tools { ffprobe: "/nowhere/ffprobe".into(), ..ffmpeg::Tools::default() };
    let error = facts(&tools, Path::new("any.mp4")).await.unwrap_err();
    assert!(matches!(error, Error::ToolMissing { program } if program == "/nowhere/ffprobe"));
}

#[tokio::test]
async fn no_decoder_takes_a_picture_of_too_many_pixels() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let make = async |size: &str, name: &str| {
        let path = dir.path().join(name);
        let clip = format!("-f lavfi -i testsrc2=d=1:r=10:s={size} -c:v libx264 -g 10");
        crate::make(&tools, &clip, &path).await;
        path
    };
    let (small, large) = (make("320x240", "small.ts").await, make("1280x720", "large.ts").await);
    let strict = ffmpeg::Tools { max_pixels: 320 * 240, ..tools.clone() };
    facts(&strict, &small).await.unwrap();
    let refused = facts(&strict, &large).await;
    assert!(
        matches!(&refused, Err(Error::PictureTooLarge { size }) if size == "1280x720"),
        "{refused:?}"
    );

    // A file whose header is harmless.
    let grows = dir.path().join("grows.ts");
    let bytes = [fs_err::read(&small).unwrap(), fs_err::read(&large).unwrap()].concat();
    fs_err::write(&grows, bytes).unwrap();
    let found = facts(&strict, &grows).await.unwrap();
    assert_eq!(found.video.as_ref().unwrap().coded_width, 320);
    // Its clock restarts, too, for which it would only be copied.
    let found = SourceFacts { non_standard: vec![NonStandard::SizeChange], ..found };
    let output = dir.path().join("rewritten.mkv");
    let refused = ffmpeg::normalize(&strict, &Input::Path(grows), &found, &output, |_| {}).await;
    assert!(matches!(refused, Err(Error::PictureTooLarge { .. })), "{refused:?}");
}
