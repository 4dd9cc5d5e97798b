//! What is right for each file. Where a number is not the source's own (its packets, its decoded
//! pictures, its chirp), a comment says whose it is.

use super::reading::{Colour, Steps, View};

/// What is right for a file.
pub(super) struct Row {
    /// Its name.
    pub(super) file: &'static str,
    /// Length of what plays.
    pub(super) seconds: f64,
    /// Width and height of the first rendition.
    pub(super) size: (u32, u32),
    /// Where the content lies in the output's pictures; empty: everywhere.
    pub(super) views: &'static [View],
    /// What is black around the content, in the same way.
    pub(super) bars: &'static [View],
    /// Texts of the first subtitles, and chapters.
    pub(super) texts: Option<(u32, u32)>,
    /// How alike each picture of the output and the source are at least, in dB.
    pub(super) psnr: Option<f64>,
    /// All warnings, by code and words.
    pub(super) warnings: &'static [(&'static str, &'static [&'static str])],
    /// How it ends.
    pub(super) right: Right,
}

/// How a video ends.
pub(super) enum Right {
    Ready(Shown, Heard),
    /// Failed, with this code and these words.
    Refused(&'static str, &'static [&'static str]),
}

/// What the pictures show.
pub(super) enum Shown {
    Nothing,
    /// So many pictures a second. From a time on each of these counters once, first to last; where
    /// there is no picture the one before is held, and the first is shown from the beginning.
    Counted(f64, &'static [(f64, u16, u16)]),
    /// What the source shows, when it shows it.
    AsSource,
    /// These colours, all the time.
    Colours(&'static [Colour]),
}

/// What is heard.
pub(super) enum Heard {
    Nothing,
    /// From one time to another the chirp, so much ahead of the time.
    Chirp(&'static [(f64, f64, f64)]),
    /// One tone, in Hz.
    Tone(f64),
}

const ROW: Row = Row {
    file: "",
    seconds: 10.0,
    size: (640, 360),
    views: &[],
    bars: &[],
    texts: None,
    psnr: None,
    warnings: &[],
    right: Right::Ready(Shown::AsSource, Heard::Nothing),
};

/// When the counter changes, from the runs of a row.
pub(super) fn steps(fps: f64, runs: &[(f64, u16, u16)]) -> Steps {
    let run = |(at, first, last): (f64, u16, u16)| {
        (first..=last).map(move |counter| (at + f64::from(counter - first) / fps, counter))
    };
    let mut steps: Steps = runs.iter().copied().flat_map(run).collect();
    steps[0].0 = 0.0;
    steps
}

/// Whole pictures and the chirp, both in step from the beginning to the end.
const fn counted(
    fps: f64,
    runs: &'static [(f64, u16, u16)],
    to: &'static [(f64, f64, f64)],
) -> Right {
    Right::Ready(Shown::Counted(fps, runs), Heard::Chirp(to))
}

pub(super) const ROWS: &[Row] = &[
    Row {
        file: "hevc_default_x265_48s.ts",
        seconds: 48.0,
        size: (320, 180),
        psnr: Some(40.0),
        right: counted(25.0, &[(0.0, 0, 1199)], &[(0.0, 48.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "open_gop_hevc_48s.ts",
        seconds: 48.0,
        size: (320, 180),
        psnr: Some(40.0),
        right: counted(25.0, &[(0.0, 0, 1199)], &[(0.0, 48.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "h264_default_48s.ts",
        seconds: 48.0,
        size: (320, 180),
        psnr: Some(40.0),
        right: counted(25.0, &[(0.0, 0, 1199)], &[(0.0, 48.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "ts_ac3_51_to_stereo_at_10s.ts",
        seconds: 20.0,
        right: counted(25.0, &[(0.0, 0, 499)], &[(0.0, 20.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "ts_aac_48k_to_44k_at_10s.ts",
        seconds: 20.0,
        right: counted(25.0, &[(0.0, 0, 499)], &[(0.0, 20.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "chained_48k_stereo_44k_mono.ogg",
        seconds: 16.0,
        right: Right::Ready(Shown::Nothing, Heard::Chirp(&[(0.0, 16.0, 0.0)])),
        ..ROW
    },
    Row {
        file: "elst_end_trimmed.mp4",
        seconds: 12.0,
        size: (320, 180),
        right: counted(25.0, &[(0.0, 0, 299)], &[(0.0, 12.0, 0.0)]),
        ..ROW
    },
    Row {
        // Two stretches are shown: seconds 5 to 10 and 20 to 28.
        file: "elst_two_cuts.mp4",
        seconds: 13.0,
        size: (320, 180),
        right: counted(
            25.0,
            &[(0.0, 125, 249), (5.0, 500, 699)],
            &[(0.0, 5.0, 5.0), (5.0, 13.0, 15.0)],
        ),
        ..ROW
    },
    Row {
        // 360x640 from picture 200 on, of which the blocks take 352x640.
        file: "ts_turns_portrait_at_8s.ts",
        seconds: 16.0,
        views: &[(0, "null"), (200, "crop=198:360:219:0")],
        bars: &[(200, "crop=212:360:0:0"), (200, "crop=212:360:428:0")],
        right: counted(25.0, &[(0.0, 0, 399)], &[(0.0, 16.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "webm_turns_portrait_at_6s.webm",
        seconds: 12.0,
        views: &[(0, "null"), (150, "crop=198:360:219:0")],
        bars: &[(150, "crop=212:360:0:0"), (150, "crop=212:360:428:0")],
        right: counted(25.0, &[(0.0, 0, 299)], &[(0.0, 12.0, 0.0)]),
        ..ROW
    },
    Row {
        // 720x576 at 16:15 is 4:3, and at 64:45 it is 16:9: 270 of 360 lines. Pictures 199 and 200 bear
        // one stamp, and ffmpeg decodes but the second: from there on both are a picture ahead.
        file: "ts_mpeg2_4x3_to_16x9_at_8s.ts",
        seconds: 15.96,
        size: (480, 360),
        views: &[(0, "null"), (199, "crop=480:270:0:45")],
        bars: &[(199, "crop=480:40:0:0"), (199, "crop=480:40:0:320")],
        right: counted(
            25.0,
            &[(0.0, 0, 198), (7.96, 200, 399)],
            &[(0.0, 7.96, 0.0), (7.96, 15.96, 0.04)],
        ),
        ..ROW
    },
    Row {
        file: "camera_on_5s_later.mp4",
        seconds: 20.0,
        right: counted(25.0, &[(5.0, 0, 374)], &[(0.0, 20.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "fps_0.2_120s.mp4",
        seconds: 120.0,
        right: Right::Ready(Shown::AsSource, Heard::Chirp(&[(0.0, 120.0, 0.0)])),
        ..ROW
    },
    Row {
        file: "fps_0.7_60s.mp4",
        seconds: 60.0,
        size: (320, 180),
        right: Right::Ready(Shown::AsSource, Heard::Chirp(&[(0.0, 60.0, 0.0)])),
        ..ROW
    },
    Row {
        file: "podcast_one_picture_subs_chapters.mp4",
        seconds: 60.0,
        texts: Some((2, 2)),
        right: Right::Ready(Shown::AsSource, Heard::Chirp(&[(0.0, 60.0, 0.0)])),
        ..ROW
    },
    Row {
        file: "two_pictures_60s_sound.mp4",
        seconds: 60.0,
        right: Right::Ready(Shown::AsSource, Heard::Chirp(&[(0.0, 60.0, 0.0)])),
        ..ROW
    },
    Row {
        file: "last_slide_45s.mp4",
        seconds: 60.0,
        right: Right::Ready(Shown::AsSource, Heard::Chirp(&[(0.0, 60.0, 0.0)])),
        ..ROW
    },
    Row {
        file: "slide_pause_700s.mkv",
        seconds: 720.0,
        right: Right::Ready(Shown::AsSource, Heard::Nothing),
        ..ROW
    },
    Row {
        file: "portrait_rot90_one_keyframe_132s.mp4",
        seconds: 132.0,
        size: (180, 320),
        // Turned back, so that the blocks are in the upper eighth.
        views: &[(0, "transpose=clock")],
        right: counted(10.0, &[(0.0, 0, 1319)], &[(0.0, 132.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "webm_sound_jitter_80ms.webm",
        seconds: 20.0,
        right: Right::Ready(Shown::Counted(25.0, &[(0.0, 0, 499)]), Heard::Tone(1000.0)),
        ..ROW
    },
    Row {
        file: "stray_sound_8h_ahead.mkv",
        warnings: &[("damaged_media", &[])],
        right: counted(25.0, &[(0.0, 0, 249)], &[(0.0, 10.0, 0.0)]),
        ..ROW
    },
    Row {
        // Picture 120 is the stray one, and the muxer gave its stamp to all that follow.
        file: "stray_picture_300s_ahead.mkv",
        warnings: &[("damaged_media", &[])],
        right: counted(25.0, &[(0.0, 0, 249)], &[(0.0, 10.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "ts_restarts_7s_back.ts",
        seconds: 20.0,
        warnings: &[("damaged_media", &[])],
        right: counted(25.0, &[(0.0, 0, 499)], &[(0.0, 20.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "mkv_big_still_second_video_track.mkv",
        right: counted(25.0, &[(0.0, 0, 249)], &[(0.0, 10.0, 0.0)]),
        ..ROW
    },
    Row {
        // 601 pictures at the console's rate are 10.017 s at 60 a second.
        file: "fps60.0988_10s.mp4",
        size: (320, 180),
        right: counted(60.0, &[(0.0, 0, 600)], &[(0.0, 10.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "webcam_30fps_jitter_16ms.webm",
        seconds: 20.0,
        size: (320, 180),
        right: counted(30.0, &[(0.0, 0, 599)], &[(0.0, 20.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "rgb_ffv1_720p.avi",
        seconds: 4.0,
        right: Right::Ready(Shown::Colours(&[((316, 100), [0, 191, 0])]), Heard::Nothing),
        ..ROW
    },
    Row {
        file: "mp4_ac4_only_sound.mp4",
        warnings: &[("unsupported_media", &["ac-4"])],
        right: Right::Ready(Shown::Counted(25.0, &[(0.0, 0, 249)]), Heard::Nothing),
        ..ROW
    },
    Row {
        file: "mp4_apac_first_default_and_aac.mp4",
        warnings: &[("unsupported_media", &["apac"])],
        right: counted(25.0, &[(0.0, 0, 249)], &[(0.0, 10.0, 0.0)]),
        ..ROW
    },
    Row {
        file: "mp4_ipcm_24bit_4s.mp4",
        seconds: 4.0,
        right: Right::Refused("unsupported_media", &["ipcm"]),
        ..ROW
    },
    Row {
        file: "cenc_encrypted_10s.mp4",
        right: Right::Refused("unsupported_media", &["encrypted"]),
        ..ROW
    },
    Row {
        file: "sar_100_1.mp4",
        seconds: 5.0,
        warnings: &[("damaged_media", &["100:1"])],
        right: counted(25.0, &[(0.0, 0, 124)], &[(0.0, 5.0, 0.0)]),
        ..ROW
    },
];
