//! The enhancements that need only the source, one function each: `None` when it is not asked for, or
//! when it failed and is a warning.

use contract::{
    ErrorCode, extract_subtitles, make_chapters, make_mezzanine, make_sprites, make_thumbnail,
    make_waveform,
};

use super::{
    Context,
    enhance::{Material, not_without_pictures, optional, warn},
};
use crate::call::Call;

pub(super) async fn thumbnail(
    ctx: &Context,
    material: &Material<'_>,
) -> Option<contract::ThumbnailOutput> {
    let Material { job, source, facts, .. } = material;
    let option = job.options.thumbnail.clone()?;
    let input = make_thumbnail::Input {
        video: job.video,
        source: (*source).clone(),
        facts: (*facts).clone(),
        option,
    };
    let activity = make_thumbnail::Activity;
    optional(
        ctx,
        job,
        "thumbnail",
        activity,
        input,
        Call::thumbnail(material.extent()),
        &material.short,
    )
    .await
}

pub(super) async fn sprites(
    ctx: &Context,
    material: &Material<'_>,
) -> Option<contract::SpritesOutput> {
    let Material { job, source, facts, plan, .. } = material;
    let option = job.options.sprites()?;
    if plan.video.is_none() {
        return not_without_pictures(ctx, "sprites");
    }
    let input = make_sprites::Input {
        video: job.video,
        source: (*source).clone(),
        facts: (*facts).clone(),
        option,
    };
    let call = Call::sprites(material.extent());
    optional(ctx, job, "sprites", make_sprites::Activity, input, call, &material.short).await
}

pub(super) async fn waveform(
    ctx: &Context,
    material: &Material<'_>,
) -> Option<contract::WaveformOutput> {
    let Material { job, source, plan, .. } = material;
    if !job.options.waveform.unwrap_or(plan.video.is_none()) {
        return None;
    }
    let Some(main) = plan.audio.first() else {
        warn(ctx, "waveform", ErrorCode::OptionNotMet, "the source has no sound");
        return None;
    };
    let input =
        make_waveform::Input { video: job.video, source: (*source).clone(), plan: main.clone() };
    let call = Call::waveform(material.extent());
    optional(ctx, job, "waveform", make_waveform::Activity, input, call, &material.short).await
}

pub(super) async fn chapters(
    ctx: &Context,
    material: &Material<'_>,
) -> Option<contract::ChaptersOutput> {
    let Material { job, source, facts, plan, .. } = material;
    let option = job.options.chapters;
    if option.is_none() && facts.chapters == 0 {
        return None;
    }
    if option.is_some() && plan.video.is_none() {
        return not_without_pictures(ctx, "chapters");
    }
    let input = make_chapters::Input {
        video: job.video,
        source: (*source).clone(),
        facts: (*facts).clone(),
        option,
    };
    let call = Call::chapters(material.extent());
    optional(ctx, job, "chapters", make_chapters::Activity, input, call, &material.short).await
}

pub(super) async fn subtitles(
    ctx: &Context,
    material: &Material<'_>,
) -> Option<Vec<contract::SubtitleOutput>> {
    let Material { job, source, facts, .. } = material;
    if facts.subtitles.is_empty() || job.options.subtitles == Some(false) {
        return None;
    }
    let input = extract_subtitles::Input {
        video: job.video,
        source: (*source).clone(),
        facts: (*facts).clone(),
    };
    let activity = extract_subtitles::Activity;
    let call = Call::subtitles(material.extent());
    let made = optional(ctx, job, "subtitles", activity, input, call, &material.short).await?;
    ctx.state_mut(|state| state.tracker.warn(made.warnings));
    Some(made.tracks)
}

/// As long as the ladder itself, so it has a time limit of its own instead of the short wait.
pub(super) async fn mezzanine(
    ctx: &Context,
    material: &Material<'_>,
) -> Option<contract::MezzanineOutput> {
    let Material { job, source, plan, .. } = material;
    if job.options.mezzanine != Some(true) {
        return None;
    }
    if plan.video.is_none() {
        return not_without_pictures(ctx, "mezzanine");
    }
    let input = make_mezzanine::Input {
        video: job.video,
        source: (*source).clone(),
        plan: (*plan).clone(),
    };
    let call = Call::mezzanine(material.extent());
    optional(ctx, job, "mezzanine", make_mezzanine::Activity, input, call, &material.all).await
}
