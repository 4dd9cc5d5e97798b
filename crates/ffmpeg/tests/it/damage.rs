//! Sources that are damaged or miss times: what the rewriting says that it decoded, and when its
//! pictures are shown.

use std::ops::Range;
use std::path::Path;

use ffmpeg::{Input, Tools};
use fixtures::pictures::{Expected, assert_like};
use fixtures::{Clip, marks};
use media::manifest::{DecodedPictures, DecodedSource};
use media::source::NonStandard;

use crate::make;

/// The pictures and the sound of a damaged file: 300 pictures, 12 s of sound in a container of which
/// `name` is the extension.
const CLIP: &str = "-f lavfi -i testsrc2=s=160x120:r=25:d=12 -f lavfi -i sine=440:d=12";

/// What the rewriting of a file says, into `output`.
async fn rewritten(tools: &Tools, file: &Path, output: &Path) -> Option<DecodedSource> {
    let input = Input::Path(file.to_owned());
    let facts = ffmpeg::probe(tools, &input, |_| {}).await.unwrap();
    assert_ne!(facts.non_standard, [], "{facts:?}");
    ffmpeg::normalize(tools, &input, &facts, output, |_| {}).await.unwrap()
}

/// Destroys what is in some of the chunks of a kind of an AVI file, such as `00dc`.
fn destroy(file: &Path, kind: &str, numbers: Range<usize>, with: fn(usize) -> u8) {
    let mut bytes = fs_err::read(file).unwrap();
    let mut at = bytes.windows(4).position(|word| word == b"movi").unwrap() + 4;
    let mut number = 0;
    while number < numbers.end {
        let size = u32::from_le_bytes(*bytes[at + 4..].first_chunk().unwrap()) as usize;
        if &bytes[at..at + 4] == kind.as_bytes() {
            if numbers.contains(&number) {
                let data = bytes[at + 8..at + 8 + size].iter_mut();
                data.enumerate().for_each(|(place, byte)| *byte = with(place));
            }
            number += 1;
        }
        at += 8 + size.next_multiple_of(2);
    }
    fs_err::write(file, bytes).unwrap();
}

/// Pictures that an independent reading decodes.
async fn decodable(tools: &Tools, file: &Path) -> u64 {
    let command = ffmpeg::Command::new(&tools.ffprobe)
        .args(["-v", "quiet", "-select_streams", "v", "-count_frames"])
        .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
        .arg(file);
    let output = command.output(std::time::Duration::from_mins(1)).await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().trim_end_matches(',').parse().unwrap()
}

#[tokio::test]
async fn pictures_that_are_destroyed_are_counted_before_any_is_repeated() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let [file, output] = ["a.avi", "out.mkv"].map(|name| dir.path().join(name));
    for (coded, with) in [
        ("-c:v libx264 -preset ultrafast -g 25 -bf 0 -c:a mp2", (|_| 0) as fn(usize) -> u8),
        ("-c:v libx264 -preset ultrafast -g 25 -bf 2 -c:a pcm_s16le", |_| 0),
        ("-c:v mpeg4 -g 25 -c:a mp2", |_| 0),
        ("-c:v mjpeg -c:a mp2", |at| at.to_le_bytes()[0].wrapping_mul(31)),
    ] {
        make(&tools, &format!("{CLIP} {coded}"), &file).await;
        let whole = rewritten(&tools, &file, &output).await.unwrap();
        let pictures = whole.pictures.unwrap();
        let healthy = DecodedPictures { expected: 300, decoded: 300, ..Default::default() };
        assert_eq!((pictures, whole.sound_errors), (healthy, vec![0]), "{coded}");
        destroy(&file, "00dc", 100..200, with);
        let found = rewritten(&tools, &file, &output).await.unwrap().pictures.unwrap();
        let left = decodable(&tools, &file).await;
        assert!(left <= 250, "{coded}: {left} are left");
        assert_eq!((found.expected, found.decoded, found.leading), (300, left, 0), "{coded}");
        assert!(found.errors > 0, "{coded}: {found:?}");
    }
}

#[tokio::test]
async fn pictures_that_are_made_up_are_counted() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let [file, output] = ["a.avi", "out.mkv"].map(|name| dir.path().join(name));
    make(&tools, &format!("{CLIP} -c:v mpeg4 -q:v 4 -g 25 -an"), &file).await;
    let mut bytes = fs_err::read(&file).unwrap();
    let (from, to) = (bytes.len() / 4, bytes.len() / 2);
    (from..to).step_by(97).for_each(|at| bytes[at] ^= 0x5a);
    fs_err::write(&file, bytes).unwrap();
    let found = rewritten(&tools, &file, &output).await.unwrap().pictures.unwrap();
    assert!(found.damaged > 20 && found.errors > 20, "{found:?}");
    assert!(found.lost() > 0 && found.lost() < 100, "{found:?}");
}

#[tokio::test]
async fn pictures_before_the_first_key_frame_are_counted_whatever_their_lines() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let [file, output] = ["a.ts", "out.mkv"].map(|name| dir.path().join(name));
    let card = "-f lavfi -i testsrc2=s=160x120:r=25:d=12 -c:v libx264 -preset ultrafast -g 100";
    for lines in ["", "-flags +ildct+ilme -top 1"] {
        make(&tools, &format!("{card} {lines}"), &file).await;
        let bytes = fs_err::read(&file).unwrap();
        let cut = bytes.len() / 30 / 188 * 188;
        fs_err::write(&file, &bytes[cut..]).unwrap();
        let found = rewritten(&tools, &file, &output).await.unwrap().pictures.unwrap();
        assert_eq!(
            (found.decoded, found.decoded + found.leading),
            (200, found.expected),
            "{lines}"
        );
        assert!((70..100).contains(&found.leading), "{lines}: {found:?}");
    }
}

#[tokio::test]
async fn sound_that_is_destroyed_is_counted_by_track() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let [file, output] = ["a.avi", "out.mkv"].map(|name| dir.path().join(name));
    let sound = "-f lavfi -i sine=880:d=12 -map 0 -map 1 -map 2 -c:v mpeg4";
    make(&tools, &format!("{CLIP} {sound} -c:a ac3"), &file).await;
    destroy(&file, "02wb", 100..220, |at| at.to_le_bytes()[0].wrapping_mul(31));
    let found = rewritten(&tools, &file, &output).await.unwrap();
    assert_eq!(found.pictures.unwrap().errors, 0, "{found:?}");
    let [first, second] = found.sound_errors[..] else { panic!("{found:?}") };
    assert!(first == 0 && second > 0, "{found:?}");
}

#[tokio::test]
async fn programmes_that_are_joined_count_what_each_of_them_lost() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let [part, file, output] = ["p.ts", "a.ts", "out.mkv"].map(|name| dir.path().join(name));
    let mut both = Vec::new();
    for (sound, cut) in [("aac", 0), ("ac3", 10)] {
        let coded = "-c:v libx264 -preset ultrafast -g 100 -bf 0";
        make(&tools, &format!("{CLIP} {coded} -c:a {sound}"), &part).await;
        let bytes = fs_err::read(&part).unwrap();
        // The tables stay.
        let cut = bytes.len() * cut / 100 / 188 * 188;
        both.extend_from_slice(&bytes[..if cut > 0 { 564 } else { 0 }]);
        both.extend_from_slice(&bytes[cut..]);
    }
    fs_err::write(&file, both).unwrap();
    let found = rewritten(&tools, &file, &output).await.unwrap();
    let pictures = found.pictures.unwrap();
    let second = pictures.decoded - 300;
    assert!((200..=270).contains(&second), "{found:?}");
    assert_eq!(pictures.decoded, decodable(&tools, &output).await, "{found:?}");
    assert!((550..600).contains(&pictures.expected), "{found:?}");
}

#[tokio::test]
async fn pictures_in_avi_are_in_step_with_their_sound() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip::flash_and_beep().fps("25").seconds(6).path();
    let [file, output] = ["a.avi", "out.mkv"].map(|name| dir.path().join(name));
    for coded in [
        "libx264 -bf 0",
        "libx264 -bf 2",
        "libx264 -bf 3 -x264-params b-adapt=0:b-pyramid=normal",
        "mpeg4 -bf 0",
        "mpeg4 -bf 2 -vtag XVID",
        "mpeg2video -bf 0",
        "mpeg2video -bf 2",
        "mpeg1video -bf 2",
        "mjpeg -pix_fmt yuvj420p",
        "msmpeg4",
        "wmv2",
        "libvpx",
        "ffv1",
        "rawvideo",
    ] {
        let args = format!("-i {} -c:v {coded} -b:v 2M -g 25 -c:a pcm_s16le", clip.display());
        make(&tools, &args, &file).await;
        let found = rewritten(&tools, &file, &output).await.unwrap();
        assert_eq!(found.pictures.unwrap().lost(), 0, "{coded}: {found:?}");
        let (right, shown) = (marks::flashes(&clip), marks::flashes(&output));
        assert_eq!(right.len(), shown.len(), "{coded}: {shown:?}");
        let late = right.iter().zip(&shown).map(|(right, shown)| shown - right);
        assert!(late.clone().all(|it| it.abs() < 0.002), "{coded}: {:?}", late.collect::<Vec<_>>());
        assert_eq!(decodable(&tools, &output).await, 150, "{coded}");
        assert_like(&output, &Expected::all(&file), 30.0);
    }
}

#[tokio::test]
async fn pictures_behind_lost_ones_stay_in_step() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let clip = Clip::flash_and_beep().fps("25").seconds(6).path();
    let [file, output] = ["a.avi", "out.mkv"].map(|name| dir.path().join(name));
    for coded in ["libx264 -bf 0 -g 25", "libx264 -bf 2 -g 25", "mpeg4 -g 25", "mjpeg"] {
        let args = format!("-i {} -c:v {coded} -c:a pcm_s16le", clip.display());
        make(&tools, &args, &file).await;
        destroy(&file, "00dc", 51..70, |_| 0);
        rewritten(&tools, &file, &output).await.unwrap();
        let right: Vec<_> = marks::flashes(&clip).into_iter().filter(|at| *at > 3.0).collect();
        let shown: Vec<_> = marks::flashes(&output).into_iter().filter(|at| *at > 3.0).collect();
        let close = |(right, shown): (&f64, &f64)| (right - shown).abs() < 0.002;
        assert!(right.iter().zip(&shown).all(close), "{coded}: {right:?} {shown:?}");
        assert_eq!((right.len(), decodable(&tools, &output).await), (shown.len(), 150), "{coded}");
    }
}

#[tokio::test]
async fn raw_mpeg_begins_with_its_first_picture() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for (name, coded) in [
        ("a.m2v", "mpeg2video -bf 2"),
        ("b.m2v", "mpeg2video"),
        ("a.m1v", "mpeg1video -bf 2"),
        ("a.h264", "libx264 -bf 2"),
        ("a.m4v", "mpeg4 -bf 2 -f m4v"),
    ] {
        let [file, output] = [name, "out.mkv"].map(|name| dir.path().join(name));
        let card = "-f lavfi -i testsrc2=s=160x120:r=25:d=2";
        make(&tools, &format!("{card} -c:v {coded} -b:v 2M"), &file).await;
        rewritten(&tools, &file, &output).await.unwrap();
        assert_like(&output, &Expected::all(&file), 30.0);
    }
}

#[tokio::test]
async fn another_size_is_found_however_close_key_frames_are() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("list");
    for (coded, part, both) in [
        ("libx264 -g 1", "ts", "ts"),
        ("libx264 -g 3 -bf 0", "ts", "ts"),
        ("mpeg2video -g 1", "ts", "ts"),
        ("mjpeg", "mkv", "mkv"),
        ("mjpeg", "mkv", "avi"),
    ] {
        let names = ["a", "b"].map(|name| dir.path().join(name).with_extension(part));
        for (name, size) in names.iter().zip(["160x120", "120x160"]) {
            let card = format!("-f lavfi -i testsrc2=s={size}:r=25:d=3 -pix_fmt yuvj420p");
            make(&tools, &format!("{card} -c:v {coded} -strict -1 -qscale:v 2"), name).await;
        }
        let lines = names.each_ref().map(|name| format!("file {}\n", name.display())).concat();
        fs_err::write(&list, lines).unwrap();
        let file = dir.path().join("both").with_extension(both);
        make(&tools, &format!("-f concat -safe 0 -i {} -c copy", list.display()), &file).await;
        let input = Input::Path(file.clone());
        let facts = ffmpeg::probe(&tools, &input, |_| {}).await.unwrap();
        assert!(facts.non_standard.contains(&NonStandard::SizeChange), "{coded} {both}: {facts:?}");
        let output = dir.path().join("out.mkv");
        rewritten(&tools, &file, &output).await.unwrap();
        let found = ffmpeg::probe(&tools, &Input::Path(output), |_| {}).await.unwrap();
        let video = found.video.unwrap();
        let size = (video.coded_width, video.coded_height, video.timeline.frames);
        // Where the size changes, ffmpeg's decoder of MPEG-2 drops the picture that it holds back.
        let held = u64::from(coded.starts_with("mpeg2video"));
        assert_eq!(size, (160, 120, 150 - held), "{coded} {both}");
    }
}

#[tokio::test]
async fn another_pixel_format_keeps_every_picture() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let names = ["a.ts", "b.ts"].map(|name| dir.path().join(name));
    for (name, form) in names.iter().zip(["yuv420p", "yuv422p10le"]) {
        let card = format!("-f lavfi -i testsrc2=s=160x120:r=25:d=3 -pix_fmt {form}");
        make(&tools, &format!("{card} -c:v libx264 -g 25 -qp 8"), name).await;
    }
    let [list, file, output] = ["list", "both.ts", "out.mkv"].map(|name| dir.path().join(name));
    fs_err::write(&list, "file a.ts\nfile b.ts\n").unwrap();
    make(&tools, &format!("-f concat -i {} -c copy", list.display()), &file).await;
    let found = rewritten(&tools, &file, &output).await.unwrap();
    assert_eq!(found.pictures.unwrap().lost(), 0, "{found:?}");
    let facts = ffmpeg::probe(&tools, &Input::Path(output.clone()), |_| {}).await.unwrap();
    assert_eq!(facts.video.unwrap().timeline.frames, 150);
    let part = dir.path().join("part.mkv");
    for (window, name) in [("trim=end_frame=75", &names[0]), ("trim=start_frame=75", &names[1])] {
        let args = format!("-i {} -vf {window} -fps_mode passthrough -c:v ffv1", output.display());
        make(&tools, &args, &part).await;
        assert_like(&part, &Expected::all(name), 34.0);
    }
}

/// An ISO file whose sound is in plain integers of 16 bits, which stands in a `pcmC` box.
async fn plain_integers(tools: &Tools, file: &Path, bits: u8, flags: u8) {
    make(tools, "-f lavfi -i sine=440:d=2 -ac 1 -c:a pcm_s16le -f mov", file).await;
    let mut bytes = fs_err::read(file).unwrap();
    let entry = bytes.windows(4).rposition(|name| name == b"sowt").unwrap();
    bytes[entry..entry + 4].copy_from_slice(b"ipcm");
    let chan = entry + bytes[entry..].windows(4).position(|name| name == b"chan").unwrap();
    bytes[chan..chan + 10].copy_from_slice(&[b'p', b'c', b'm', b'C', 0, 0, 0, 0, flags, bits]);
    fs_err::write(file, bytes).unwrap();
}

#[tokio::test]
async fn plain_integers_are_read_as_their_box_says() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mp4");
    plain_integers(&tools, &file, 16, 1).await;
    let facts = ffmpeg::probe(&tools, &Input::Path(file.clone()), |_| {}).await.unwrap();
    assert_eq!((facts.audio.len(), &facts.audio[0].undecodable), (1, &None));
    plain_integers(&tools, &file, 24, 0).await;
    // A newer ffmpeg reads the box itself and decodes them.
    match ffmpeg::probe(&tools, &Input::Path(file.clone()), |_| {}).await {
        Err(error) => assert!(error.to_string().contains("ipcm (pcm_s24be)"), "{error}"),
        Ok(facts) => assert_eq!(facts.audio[0].codec, "pcm_s24be"),
    }
}
