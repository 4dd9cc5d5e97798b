//! What must be known before the first chunk: the encoder and the watermark. Neither can block the
//! video; without them it is encoded by x264 and without a mark.

use contract::{ErrorCode, Failure, choose_encoder, render_watermark, video::Input};
use media::{
    options::EncoderOption,
    plan::{Encoder, Plan},
};
use temporalio_sdk::workflows;

use super::{
    Context,
    enhance::{not_without_pictures, optional, warn},
};
use crate::call::Call;

/// Completes the plan of the picture; says which encoder is chosen and why.
pub(super) async fn prepare(
    ctx: &Context,
    job: &Input,
    plan: &mut Plan,
) -> Option<choose_encoder::Output> {
    let Some(video) = &mut plan.video else {
        if job.options.watermark.is_some() {
            not_without_pictures::<()>(ctx, "watermark");
        }
        return None;
    };
    let token = ctx.cancellation_token();
    let watermark = async {
        let option = job.options.watermark.clone()?;
        let rungs = video.rungs.clone();
        let input = render_watermark::Input { video: job.video, option, rungs };
        let activity = render_watermark::Activity;
        optional(ctx, job, "watermark", activity, input, Call::watermark(), &token).await
    };
    let encoder = async {
        let wanted = job.options.encoder.unwrap_or_default();
        let input = choose_encoder::Input { video: job.video, wanted };
        let activity = choose_encoder::Activity;
        optional(ctx, job, "encoder", activity, input, Call::encoder(), &token).await
    };
    let (watermark, encoder) = workflows::join!(watermark, encoder);
    video.watermark = watermark;
    let encoder = encoder.unwrap_or(choose_encoder::Output {
        encoder: Encoder::X264,
        reason: "the workers did not say what they have".to_owned(),
    });
    video.encoder = encoder.encoder;
    if job.options.encoder == Some(EncoderOption::Nvenc) && encoder.encoder == Encoder::X264 {
        warn(ctx, "encoder", ErrorCode::EncoderUnavailable, encoder.reason.clone());
    }
    Some(encoder)
}

/// Falls back to x264 when NVENC failed in the middle of a video: the worker that has it may be
/// gone. Every chunk is then encoded again, because one video never mixes encoders.
pub(super) fn give_up_nvenc(ctx: &Context, plan: &mut Plan, failure: &Failure) -> bool {
    let codes = [ErrorCode::EncoderUnavailable, ErrorCode::EncoderFailed];
    let Some(video) = &mut plan.video else { return false };
    if video.encoder != Encoder::Nvenc || !codes.contains(&failure.code) {
        return false;
    }
    video.encoder = Encoder::X264;
    warn(ctx, "encoder", ErrorCode::EncoderUnavailable, failure.message.clone());
    true
}
