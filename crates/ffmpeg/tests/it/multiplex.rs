//! Files whose streams ffmpeg does not find, or not together: several programmes, streams that begin
//! late, and what only a key opens.

use std::path::Path;

use ffmpeg::{Error, Input, Tools};
use media::source::{NonStandard, Repair, SourceFacts};

use crate::make;

const PICTURES: &str = "-c:v libx264 -preset ultrafast -g 25 -bf 0";

async fn probe(tools: &Tools, file: &Path) -> Result<SourceFacts, Error> {
    ffmpeg::probe(tools, &Input::Path(file.to_owned()), |_| {}).await
}

#[tokio::test]
async fn sound_and_texts_are_those_of_the_pictures_programme() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("two.ts");
    // The larger picture is played, whichever programme it is of; the other has the richer sound.
    for (sizes, sounds, stream) in
        [(["320x180", "160x90"], [1, 6], 1), (["160x90", "320x180"], [6, 1], 3)]
    {
        let inputs = [0, 1].map(|at| {
            let sound = fixtures::chirp::source(3.0, 48_000, sounds[at]);
            format!("-f lavfi -i testsrc2=s={}:r=25:d=3 -f lavfi -i {sound}", sizes[at])
        });
        let args = format!(
            "{} -map 0 -map 1 -map 2 -map 3 {PICTURES} -c:a ac3 -program program_num=7:st=0:st=1 \
             -program program_num=9:st=2:st=3 -f mpegts",
            inputs.join(" ")
        );
        make(&tools, &args, &file).await;
        let facts = probe(&tools, &file).await.unwrap();
        let heard: Vec<(u32, u32)> =
            facts.audio.iter().map(|it| (it.stream, it.channels)).collect();
        assert_eq!(heard, [(stream, 1)], "{facts:?}");
        assert_eq!((&facts.non_standard[..], &facts.programmes[..]), (&[][..], &[][..]));
    }
    // Of two stations without pictures, one is heard.
    let sound = |hertz: u32| format!("-f lavfi -i sine={hertz}:d=3:r=48000");
    let args = format!(
        "{} {} -map 0 -map 1 -c:a mp2 -program program_num=1:st=0 -program program_num=2:st=1 -f mpegts",
        sound(440),
        sound(880)
    );
    make(&tools, &args, &file).await;
    let facts = probe(&tools, &file).await.unwrap();
    assert_eq!(facts.audio.iter().map(|it| it.stream).collect::<Vec<_>>(), [0]);
}

#[tokio::test]
async fn streams_that_begin_late_are_found_and_kept() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let made = dir.path().join("made.mkv");
    let chirp =
        |seconds: f64| format!("-f lavfi -i {}", fixtures::chirp::source(seconds, 48_000, 1));
    let card = |seconds: u32| format!("-f lavfi -i testsrc2=s=320x180:r=25:d={seconds}");
    // A few pictures of noise are more bytes than ffmpeg looks at.
    let noise = "-f lavfi -i nullsrc=s=640x360:r=25:d=3,geq=random(1)*255:128:128";
    for (name, args, seconds, later) in [
        (
            "sound.ts",
            format!("{} -itsoffset 8 {} {PICTURES} -c:a aac -f mpegts", card(12), chirp(4.0)),
            12.0,
            8.0,
        ),
        (
            "picture.ts",
            format!("-itsoffset 8 {} {} {PICTURES} -c:a aac -f mpegts", card(4), chirp(12.0)),
            12.0,
            -8.0,
        ),
        (
            "sound.vob",
            format!("{noise} -itsoffset 2 {} -c:v mpeg2video -q:v 2 -c:a mp2 -f vob", chirp(2.0)),
            4.0,
            2.0,
        ),
        (
            "one.ts",
            format!(
                "-f lavfi -i testsrc2=s=320x180:r=25:d=0.04 {} {PICTURES} -c:a aac -f mpegts",
                chirp(9.0)
            ),
            9.0,
            0.0,
        ),
    ] {
        let file = dir.path().join(name);
        make(&tools, &args, &file).await;
        let facts = probe(&tools, &file).await.unwrap();
        assert!(facts.non_standard.contains(&NonStandard::LateStream), "{name}: {facts:?}");
        ffmpeg::normalize(&tools, &Input::Path(file), &facts, &made, |_| {}).await.unwrap();
        let facts = probe(&tools, &made).await.unwrap();
        let (video, audio) = (facts.video.as_ref().unwrap(), &facts.audio[0]);
        assert_eq!(facts.non_standard, [], "{name}");
        let line = &video.timeline;
        let first = line.start_us() + line.time_base.micros(line.lead_ticks);
        let apart = (audio.start_us - first) as f64 / 1e6;
        assert!((apart - later).abs() < 0.1, "{name}: {apart}");
        assert!((facts.duration_seconds() - seconds).abs() < 0.15, "{name}: {facts:?}");
        // Behind what encoders of AAC and MP2 put in front, which neither stream tells of.
        fixtures::chirp::assert_in_step(&made, 0.018, 0.1, 1.9);
    }
}

#[tokio::test]
async fn a_stream_that_was_looked_for_in_vain_changes_nothing() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    for name in ["silent.vob", "silent.flv", "silent.ts"] {
        let file = dir.path().join(name);
        let coded = if name.ends_with("vob") { "-c:v mpeg2video" } else { PICTURES };
        make(&tools, &format!("-f lavfi -i testsrc2=s=320x180:r=25:d=2 {coded}"), &file).await;
        let facts = probe(&tools, &file).await.unwrap();
        assert_eq!((facts.depth, &facts.repairs[..]), (0, &[][..]), "{name}");
        assert!(!facts.non_standard.contains(&NonStandard::LateStream), "{name}: {facts:?}");
    }
}

#[tokio::test]
async fn what_only_a_key_opens_is_called_encrypted() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.ts");
    let args = format!(
        "-f lavfi -i testsrc2=s=320x180:r=25:d=3 -f lavfi -i sine=d=3 {PICTURES} -c:a aac -f mpegts"
    );
    make(&tools, &args, &file).await;
    let clear = fs_err::read(&file).unwrap();
    // The picture is 0x100 and the sound 0x101: what no key opened is noise.
    for (what, scrambled) in [("both", &[0x100_u16, 0x101][..]), ("picture", &[0x100])] {
        let mut bytes = clear.clone();
        for packet in bytes.chunks_exact_mut(188) {
            let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
            if scrambled.contains(&pid) && packet[3] & 0x10 != 0 {
                let from = if packet[3] & 0x20 == 0 { 4 } else { 5 + usize::from(packet[4]) };
                packet[3] |= 0xc0;
                packet[from..]
                    .iter_mut()
                    .zip(0_u8..)
                    .for_each(|(byte, at)| *byte ^= at.wrapping_mul(73).wrapping_add(41));
            }
        }
        fs_err::write(&file, bytes).unwrap();
        let found = probe(&tools, &file).await;
        assert!(matches!(found, Err(Error::Encrypted)), "{what}: {found:?}");
    }
}

#[tokio::test]
async fn a_codec_that_this_ffmpeg_takes_for_another_is_named() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.flv");
    make(&tools, &format!("-f lavfi -i testsrc2=s=320x180:r=25:d=1 {PICTURES}"), &file).await;
    let mut bytes = fs_err::read(&file).unwrap();
    // Every tag of pictures gets the extended form, whose five bytes stand where five stood before.
    let mut at = 13;
    while let Some([kind, a, b, c]) = bytes.get(at..at + 4).and_then(|it| it.as_array().copied()) {
        let length = u32::from_be_bytes([0, a, b, c]) as usize;
        if kind == 9 && length > 4 {
            let (frame, form) = (bytes[at + 11] & 0x70, bytes[at + 12] & 1);
            bytes[at + 11] = 0x80 | frame | form;
            bytes[at + 12..at + 16].copy_from_slice(b"hvc1");
        }
        at += 11 + length + 4;
    }
    fs_err::write(&file, bytes).unwrap();
    let found = probe(&tools, &file).await;
    let Err(Error::UnsupportedCodec { codec, .. }) = &found else { panic!("{found:?}") };
    assert_eq!(codec, "hevc (hvc1 in FLV)");
}

#[tokio::test]
async fn a_single_picture_is_refused_as_one() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.mp4");
    make(&tools, "-f lavfi -i testsrc2=s=320x180 -frames:v 1 -f mjpeg", &file).await;
    let found = probe(&tools, &file).await;
    assert!(matches!(found, Err(Error::UnacceptedFormat { .. })), "{found:?}");
}

#[tokio::test]
async fn what_is_missing_is_said_with_numbers() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let source = "-f lavfi -i testsrc2=s=320x180:r=25:d=10 -f lavfi -i sine=d=10:r=48000";
    for name in ["a.ts", "a.mkv", "a.mp4", "a.avi", "a.flv"] {
        let file = dir.path().join(name);
        make(&tools, &format!("{source} {PICTURES} -c:a aac"), &file).await;
        let facts = probe(&tools, &file).await.unwrap();
        assert_eq!(facts.repairs, [], "{name}");
        if name != "a.ts" && name != "a.mp4" {
            let cut = dir.path().join(format!("cut.{name}"));
            let whole = fs_err::read(&file).unwrap();
            fs_err::write(&cut, &whole[..whole.len() * 6 / 10]).unwrap();
            let facts = probe(&tools, &cut).await.unwrap();
            let [Repair::CutShort { promised_us, held_us }] = facts.repairs[..] else {
                panic!("{name}: {facts:?}")
            };
            assert!(promised_us.abs_diff(10_000_000) < 100_000, "{name}: {promised_us}");
            assert!((5_000_000..7_000_000).contains(&held_us), "{name}: {held_us}");
        }
        // AVI has no place for a pause in its sound, and MP4 lengthens the packet before it.
        if name == "a.avi" || name == "a.mp4" {
            continue;
        }
        for (what, drop) in [("sound", ""), ("both", "-bsf:v noise=drop=between(n\\,100\\,174)")] {
            let holed = dir.path().join(format!("holed.{name}"));
            // 1024 samples each, so that these last three seconds.
            let sound = "-bsf:a noise=drop=between(n\\,188\\,328)";
            let args = format!("-i {} -c copy {drop} {sound}", file.display());
            make(&tools, &args, &holed).await;
            let facts = probe(&tools, &holed).await.unwrap();
            let [Repair::SoundMissing { count: 1, missing_us, ref places_us, pictures }] =
                facts.repairs[..]
            else {
                panic!("{name}: {what}: {:?}", facts.repairs)
            };
            assert!(missing_us.abs_diff(3_000_000) < 100_000, "{name}: {missing_us}");
            assert!(places_us[0].abs_diff(4_000_000) < 1_600_000, "{name}: {places_us:?}");
            assert_eq!(pictures, what == "both", "{name}");
        }
    }
}

#[tokio::test]
async fn a_slanted_picture_is_neither_turned_nor_squeezed() {
    let Some(tools) = crate::tools() else { return };
    let dir = tempfile::tempdir().unwrap();
    let (plain, slanted) = (dir.path().join("plain.mp4"), dir.path().join("slanted.mp4"));
    make(&tools, &format!("-f lavfi -i testsrc2=s=320x180:r=25:d=1 {PICTURES}"), &plain).await;
    for degrees in [30, 45, 135] {
        let copy = format!("-i {} -c copy -metadata:s:v:0 rotate={degrees}", plain.display());
        make(&tools, &copy, &slanted).await;
        let facts = probe(&tools, &slanted).await.unwrap();
        let video = facts.video.as_ref().unwrap();
        assert_eq!((video.slanted, video.display_size()), (true, (320.0, 180.0)), "{degrees}");
        // Rewritten, it is the same picture.
        let made = dir.path().join("made.mkv");
        ffmpeg::normalize(&tools, &Input::Path(slanted.clone()), &facts, &made, |_| {})
            .await
            .unwrap();
        fixtures::pictures::assert_like(&made, &fixtures::pictures::Expected::all(&plain), 30.0);
    }
}
