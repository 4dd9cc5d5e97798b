//! Encoding of one track of sound, measured first when its loudness is to be changed.

use contract::{ErrorCode, StoredSource, encode_audio, measure_loudness, video::Input};
use media::{manifest::DecodedSound, plan::AudioPlan};
use temporalio_sdk::WorkflowCancellationToken;

use super::{
    Context,
    enhance::{optional, warn},
    fan_out::ended,
    step,
};
use crate::{
    call::{Call, Extent, audio_seconds},
    failure::Stop,
};

/// Encodes one track in every bit rate; returns it as it was encoded, or `None` for a track that
/// the video can do without.
pub(super) async fn encode(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    track: &AudioPlan,
    group: &WorkflowCancellationToken,
) -> Result<Option<AudioPlan>, Stop> {
    let plan = level(ctx, job, source, track.clone(), group).await;
    let rates: Vec<_> = plan.bitrates.iter().map(ToString::to_string).collect();
    let summary = format!("audio{}, {}", called(&plan), rates.join(" "));
    let extent = Extent { seconds: audio_seconds(&plan), bytes: source.bytes };
    let options = Call::audio(extent, summary).options(job, group.clone());
    let input = encode_audio::Input {
        video: job.video,
        attempt: job.attempt,
        source: source.clone(),
        plan: plan.clone(),
    };
    let done = step::run(ctx, encode_audio::Activity, input, options).await;
    match done {
        Ok(done) => {
            damaged(ctx, &plan, done.decoded);
            Ok(Some(plan))
        }
        Err(Stop::Failed(failure)) if plan.track > 0 => {
            warn(
                ctx,
                "audio",
                failure.code,
                format!("track{}: {}", called(&plan), failure.message),
            );
            Ok(None)
        }
        Err(stop) => ended(Err(stop), group),
    }
}

/// Warns of sound that did not decode, and of stamps that could not be followed.
fn damaged(ctx: &Context, plan: &AudioPlan, decoded: DecodedSound) {
    // What the rewriting could not decode is a gap in what it made.
    let earlier = ctx.state(|state| state.sound_errors.get(&plan.facts.stream).copied());
    let errors = decoded.errors + earlier.unwrap_or(0);
    let decoded = DecodedSound { errors, ..decoded };
    let (track, seconds) = (called(plan), |us: u64| us as f64 / 1e6);
    let say = |message: String| warn(ctx, "encode", ErrorCode::DamagedMedia, message);
    if decoded.is_damaged() {
        say(format!(
            "the sound{track} is damaged: {:.1} s of {:.1} s did not decode, {} errors",
            seconds(decoded.lost_us()),
            seconds(decoded.decoded_us + decoded.lost_us()),
            decoded.errors,
        ));
    }
    if decoded.stray_us > 0 {
        let stray = seconds(decoded.stray_us);
        say(format!(
            "the sound{track} has stray time stamps: {stray:.2} s follow what is before them"
        ));
    }
    if decoded.restarts > 0 {
        let times = decoded.restarts;
        say(format!("the clock of the sound{track} starts again {times} times: laid end to end"));
    }
}

/// Measures the track when its loudness is to be changed; it stays as it is when that fails.
async fn level(
    ctx: &Context,
    job: &Input,
    source: &StoredSource,
    mut plan: AudioPlan,
    group: &WorkflowCancellationToken,
) -> AudioPlan {
    let Some(target) = job.options.loudness() else { return plan };
    let extent = Extent { seconds: audio_seconds(&plan), bytes: source.bytes };
    let call = Call::loudness(extent, format!("measure the loudness{}", called(&plan)));
    let input = measure_loudness::Input {
        video: job.video,
        source: source.clone(),
        plan: plan.clone(),
        target,
    };
    let activity = measure_loudness::Activity;
    plan.loudness = optional(ctx, job, "loudness", activity, input, call, group).await.flatten();
    plan
}

/// Number and language of a track, for tracks other than the main one.
fn called(plan: &AudioPlan) -> String {
    match (plan.track, &plan.facts.language) {
        (0, _) => String::new(),
        (track, Some(language)) => format!(" {} ({language})", track + 1),
        (track, None) => format!(" {}", track + 1),
    }
}
