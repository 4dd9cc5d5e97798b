//! The activities of each task queue, as the SDK registers them.

#![expect(missing_docs, reason = "activities are documented where they are named, in `contract`")]

use std::sync::Arc;

use contract::{
    begin_video, choose_encoder, clean_up, delete_video, deliver_webhook, download_source,
    encode_audio, export_video, extract_subtitles, make_chapters, make_mezzanine, make_mp4,
    make_preview, make_sprites, make_thumbnail, make_waveform, measure_loudness, normalize_source,
    package_video, probe_source, publish_video, record_outcome, render_watermark, transcode_chunk,
    verify_video,
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::{Deps, pulse::alive};

/// Activities of the queue `download`.
#[derive(Debug)]
pub struct DownloadActivities(pub Arc<Deps>);

#[activities]
impl DownloadActivities {
    #[activity(definition = download_source::Activity)]
    pub async fn download_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: download_source::Input,
    ) -> Result<download_source::Output, ActivityError> {
        alive(
            &ctx,
            |pulse| async move { crate::download_source::run(&self.0, &pulse, input).await },
        )
        .await
    }
}

/// Activities of the queue `metadata`.
#[derive(Debug)]
pub struct MetadataActivities(pub Arc<Deps>);

#[activities]
impl MetadataActivities {
    #[activity(definition = probe_source::Activity)]
    pub async fn probe_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: probe_source::Input,
    ) -> Result<probe_source::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::probe_source::run(&self.0, &pulse, input).await })
            .await
    }

    #[activity(definition = extract_subtitles::Activity)]
    pub async fn extract_subtitles(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: extract_subtitles::Input,
    ) -> Result<extract_subtitles::Output, ActivityError> {
        alive(
            &ctx,
            |pulse| async move { crate::extract_subtitles::run(&self.0, &pulse, input).await },
        )
        .await
    }
}

/// Activities of the queue `thumbnail`.
#[derive(Debug)]
pub struct ThumbnailActivities(pub Arc<Deps>);

#[activities]
impl ThumbnailActivities {
    #[activity(definition = make_thumbnail::Activity)]
    pub async fn make_thumbnail(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_thumbnail::Input,
    ) -> Result<make_thumbnail::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::make_thumbnail::run(&self.0, &pulse, input).await })
            .await
    }

    #[activity(definition = make_sprites::Activity)]
    pub async fn make_sprites(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_sprites::Input,
    ) -> Result<make_sprites::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::make_sprites::run(&self.0, &pulse, input).await })
            .await
    }

    #[activity(definition = make_waveform::Activity)]
    pub async fn make_waveform(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_waveform::Input,
    ) -> Result<make_waveform::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::make_waveform::run(&self.0, &pulse, input).await })
            .await
    }
}

/// Activities of the queue `scenes`.
#[derive(Debug)]
pub struct ScenesActivities(pub Arc<Deps>);

#[activities]
impl ScenesActivities {
    #[activity(definition = make_chapters::Activity)]
    pub async fn make_chapters(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_chapters::Input,
    ) -> Result<make_chapters::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::make_chapters::run(&self.0, &pulse, input).await })
            .await
    }
}

/// Activities of the queue `transcode`.
#[derive(Debug)]
pub struct TranscodeActivities(pub Arc<Deps>);

#[activities]
impl TranscodeActivities {
    #[activity(definition = transcode_chunk::Activity)]
    pub async fn transcode_chunk(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: transcode_chunk::Input,
    ) -> Result<transcode_chunk::Output, ActivityError> {
        alive(
            &ctx,
            |pulse| async move { crate::transcode_chunk::run(&self.0, &pulse, input).await },
        )
        .await
    }

    #[activity(definition = encode_audio::Activity)]
    pub async fn encode_audio(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: encode_audio::Input,
    ) -> Result<encode_audio::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::encode_audio::run(&self.0, &pulse, input).await })
            .await
    }

    #[activity(definition = normalize_source::Activity)]
    pub async fn normalize_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: normalize_source::Input,
    ) -> Result<normalize_source::Output, ActivityError> {
        alive(
            &ctx,
            |pulse| async move { crate::normalize_source::run(&self.0, &pulse, input).await },
        )
        .await
    }

    #[activity(definition = measure_loudness::Activity)]
    pub async fn measure_loudness(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: measure_loudness::Input,
    ) -> Result<measure_loudness::Output, ActivityError> {
        alive(
            &ctx,
            |pulse| async move { crate::measure_loudness::run(&self.0, &pulse, input).await },
        )
        .await
    }

    #[activity(definition = render_watermark::Activity)]
    pub async fn render_watermark(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: render_watermark::Input,
    ) -> Result<render_watermark::Output, ActivityError> {
        alive(
            &ctx,
            |pulse| async move { crate::render_watermark::run(&self.0, &pulse, input).await },
        )
        .await
    }

    #[activity(definition = choose_encoder::Activity)]
    pub async fn choose_encoder(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: choose_encoder::Input,
    ) -> Result<choose_encoder::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::choose_encoder::run(&self.0, &pulse, input).await })
            .await
    }

    #[activity(definition = make_mezzanine::Activity)]
    pub async fn make_mezzanine(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_mezzanine::Input,
    ) -> Result<make_mezzanine::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::make_mezzanine::run(&self.0, &pulse, input).await })
            .await
    }
}

/// Activities of the queue `playlist`.
#[derive(Debug)]
pub struct PlaylistActivities(pub Arc<Deps>);

#[activities]
impl PlaylistActivities {
    #[activity(definition = package_video::Activity)]
    pub async fn package_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: package_video::Input,
    ) -> Result<package_video::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::package_video::run(&self.0, input).await }).await
    }

    #[activity(definition = verify_video::Activity)]
    pub async fn verify_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: verify_video::Input,
    ) -> Result<verify_video::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::verify_video::run(&self.0, input).await }).await
    }

    #[activity(definition = publish_video::Activity)]
    pub async fn publish_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: publish_video::Input,
    ) -> Result<publish_video::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::publish_video::run(&self.0, input).await }).await
    }

    #[activity(definition = export_video::Activity)]
    pub async fn export_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: export_video::Input,
    ) -> Result<export_video::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::export_video::run(&self.0, &pulse, input).await })
            .await
    }

    #[activity(definition = delete_video::Activity)]
    pub async fn delete_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: delete_video::Input,
    ) -> Result<delete_video::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::delete_video::run(&self.0, input).await }).await
    }

    #[activity(definition = clean_up::Activity)]
    pub async fn clean_up(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: clean_up::Input,
    ) -> Result<clean_up::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::clean_up::run(&self.0, input).await }).await
    }

    #[activity(definition = make_mp4::Activity)]
    pub async fn make_mp4(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_mp4::Input,
    ) -> Result<make_mp4::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::make_mp4::run(&self.0, &pulse, input).await }).await
    }

    #[activity(definition = make_preview::Activity)]
    pub async fn make_preview(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_preview::Input,
    ) -> Result<make_preview::Output, ActivityError> {
        alive(&ctx, |pulse| async move { crate::make_preview::run(&self.0, &pulse, input).await })
            .await
    }
}

/// Activities of the queue `notify`.
#[derive(Debug)]
pub struct NotifyActivities(pub Arc<Deps>);

#[activities]
impl NotifyActivities {
    #[activity(definition = begin_video::Activity)]
    pub async fn begin_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: begin_video::Input,
    ) -> Result<begin_video::Output, ActivityError> {
        let workflow = ctx.info().workflow_id.clone().unwrap_or_default();
        alive(&ctx, |_| async move { crate::begin_video::run(&self.0, &workflow, input).await })
            .await
    }

    #[activity(definition = record_outcome::Activity)]
    pub async fn record_outcome(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: record_outcome::Input,
    ) -> Result<record_outcome::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::record_outcome::run(&self.0, input).await }).await
    }

    #[activity(definition = deliver_webhook::Activity)]
    pub async fn deliver_webhook(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: deliver_webhook::Input,
    ) -> Result<deliver_webhook::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::deliver_webhook::run(&self.0, input).await }).await
    }
}
