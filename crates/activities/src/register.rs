//! The activities of each task queue, as the SDK registers them.

#![expect(missing_docs, reason = "activities are documented where they are named, in `contract`")]

use std::sync::Arc;

use contract::{
    begin_video, clean_up, download_source, encode_audio, normalize_source, package_video,
    probe_source, publish_video, record_outcome, transcode_chunk, verify_video,
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

    #[activity(definition = clean_up::Activity)]
    pub async fn clean_up(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: clean_up::Input,
    ) -> Result<clean_up::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::clean_up::run(&self.0, input).await }).await
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
        alive(&ctx, |_| async move { crate::begin_video::run(&self.0, input).await }).await
    }

    #[activity(definition = record_outcome::Activity)]
    pub async fn record_outcome(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: record_outcome::Input,
    ) -> Result<record_outcome::Output, ActivityError> {
        alive(&ctx, |_| async move { crate::record_outcome::run(&self.0, input).await }).await
    }
}
