//! What is published, put together from what the steps made. Pure.

use contract::{EncoderOutput, LoudnessOutput, Outputs, choose_encoder};
use media::{
    plan::{Encoder, Plan},
    playlist::{Master, SessionData, SubtitleRendition, master_playlist},
};

/// Data id by which Apple's players find chapters ("Providing JavaScript Object Notation (JSON)
/// chapters").
const CHAPTERS: &str = "com.apple.hls.chapters";

/// The ladder together with the enhancements.
pub(super) fn complete(
    beside: Outputs,
    plan: &Plan,
    ladder: Outputs,
    chosen: Option<choose_encoder::Output>,
) -> Outputs {
    let encoder = plan.video.as_ref().zip(chosen);
    let loudness = plan.audio.first().and_then(|main| main.loudness);
    Outputs {
        master: ladder.master,
        renditions: ladder.renditions,
        audio: ladder.audio,
        frames: ladder.frames,
        duration_seconds: ladder.duration_seconds,
        encoder: encoder.map(|(video, chosen)| used(video.encoder, chosen)),
        loudness: loudness.map(|loudness| LoudnessOutput {
            source_integrated: loudness.integrated,
            source_true_peak: loudness.true_peak,
            source_range: loudness.range,
            target_integrated: loudness.target.integrated,
        }),
        ..beside
    }
}

fn used(encoder: Encoder, chosen: choose_encoder::Output) -> EncoderOutput {
    let reason = if encoder == chosen.encoder {
        chosen.reason
    } else {
        "the encoder that was chosen failed; see the warnings".to_owned()
    };
    EncoderOutput { name: encoder, reason }
}

/// The master playlist, with the subtitles and chapters there are.
pub(super) fn master(mut master: Master, outputs: &Outputs) -> String {
    master.subtitles = outputs
        .subtitles
        .iter()
        .map(|track| SubtitleRendition {
            name: track.label.clone(),
            uri: format!("{}/index.m3u8", track.name),
            language: track.language.clone(),
            default: track.default,
            forced: track.forced,
        })
        .collect();
    master.session_data = outputs
        .chapters
        .iter()
        .map(|_| SessionData {
            data_id: CHAPTERS.to_owned(),
            uri: "../chapters/chapters.json".to_owned(),
        })
        .collect();
    master_playlist(&master)
}
