//! Activities that do what a test tells them, under the real names.

#![expect(
    dead_code,
    reason = "the macro makes constants of the activities, which are called by name"
)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use contract::{
    ChaptersOutput, DeliveryId, ExportOutput, MezzanineOutput, Mp4Output, Outputs, PreviewOutput,
    SpritesOutput, StoredSource, SubtitleOutput, ThumbnailOutput, VideoId, WaveformOutput,
    begin_video, choose_encoder, clean_up, completion::Outcome, delete_video, deliver_webhook,
    download_source, encode_audio, export_video, extract_subtitles, make_chapters, make_mezzanine,
    make_mp4, make_preview, make_sprites, make_thumbnail, make_waveform, measure_loudness,
    normalize_source, package_video, probe_source, publish_video, record_outcome, render_watermark,
    transcode_chunk, verify_video,
};
use media::{
    bounds::SourceLimits,
    manifest::{DecodedSound, DecodedSource},
    plan::{Encoder, Loudness, Watermark},
    playlist::Master,
    source::{AudioFacts, NonStandard, SourceFacts, SubtitleFacts},
};
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError},
};

/// What the activities of one video do, and what they were asked.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a wish of its own")]
pub(crate) struct Script {
    /// The activity that fails for good, and its code.
    pub(crate) fails: Option<(&'static str, &'static str)>,
    /// Every activity does its work, fails, and is run again.
    pub(crate) twice: bool,
    /// The probe finds a non-standard source first.
    pub(crate) non_standard: bool,
    /// Pictures the decoders lose.
    pub(crate) lost: u64,
    /// What the rewriting says that it decoded.
    pub(crate) rewritten: Option<DecodedSource>,
    /// What the encoding of sound says that it decoded.
    pub(crate) sound: DecodedSound,
    /// The activity that never ends by itself.
    pub(crate) stuck: Option<&'static str>,
    /// Every activity waits at its end until it is let go.
    pub(crate) held: bool,
    /// The source has subtitles, chapters and a second track of sound.
    pub(crate) rich: bool,
    /// Bytes that what was made and its subtitles are called by.
    pub(crate) padding: usize,
    /// A webhook is to be told.
    pub(crate) webhook: bool,
    /// What else is so about the job.
    pub(crate) change: Option<fn(&mut contract::video::Input)>,
    /// What was asked.
    pub(crate) options: media::options::Options,
    /// What the source may be.
    pub(crate) source_limits: SourceLimits,
    /// Bytes of each chunk beside one.
    pub(crate) chunk_bytes: u64,
    /// Where else the outputs go.
    pub(crate) export: Option<contract::Export>,
    /// The base that publishing was given.
    pub(crate) base: Option<String>,
    /// The master playlist that was published.
    pub(crate) master: String,
    /// Every call in order: name and attempt.
    pub(crate) calls: Vec<(&'static str, u32)>,
    /// What was reported.
    pub(crate) outcomes: Vec<Outcome>,
    /// What was cleaned up.
    pub(crate) cleaned: Vec<clean_up::After>,
    /// Chunks at the same time: now and at most.
    pub(crate) in_flight: (u32, u32),
}

impl Script {
    /// Names of the activities called, each once, in order of their first call.
    pub(crate) fn called(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for (name, _) in &self.calls {
            if !names.contains(name) {
                names.push(*name);
            }
        }
        names
    }
}

/// The scripts of all videos of a test.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stage(Arc<Mutex<BTreeMap<VideoId, Script>>>);

impl Stage {
    pub(crate) fn put(&self, video: VideoId, script: Script) {
        self.0.lock().unwrap().insert(video, script);
    }

    pub(crate) fn script(&self, video: VideoId) -> Script {
        self.0.lock().unwrap().get(&video).cloned().unwrap_or_default()
    }

    fn padding(&self, video: VideoId) -> String {
        "x".repeat(self.script(video).padding)
    }

    /// Lets the activities of a video end.
    pub(crate) fn release(&self, video: VideoId) {
        self.edit(video, |script| script.held = false);
    }

    fn edit<T>(&self, video: VideoId, change: impl FnOnce(&mut Script) -> T) -> T {
        change(self.0.lock().unwrap().entry(video).or_default())
    }

    async fn play<T>(
        &self,
        name: &'static str,
        ctx: &ActivityContext,
        video: VideoId,
        result: T,
    ) -> Result<T, ActivityError> {
        let attempt = ctx.info().attempt;
        let script = self.edit(video, |script| {
            script.calls.push((name, attempt));
            script.clone()
        });
        while script.stuck == Some(name) {
            ctx.record_heartbeat(()).await?;
            tokio::select! {
                () = ctx.cancelled() => return Err(ActivityError::cancelled()),
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
        while self.script(video).held {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match script.fails {
            Some((failing, code)) if failing == name => Err(failure(code, true)),
            _ if script.twice && attempt == 1 => Err(failure("internal", false)),
            _ => Ok(result),
        }
    }
}

fn failure(code: &str, for_good: bool) -> ActivityError {
    ApplicationFailure::builder(anyhow::anyhow!("scripted"))
        .type_name(code.to_owned())
        .non_retryable(for_good)
        .next_retry_delay(Duration::from_millis(1))
        .build()
        .into()
}

/// Ten seconds at 25 fps in four chunks' worth of segments, with sound.
pub(crate) fn facts(non_standard: bool) -> SourceFacts {
    let mut facts: SourceFacts = serde_json::from_str(include_str!("facts.json")).unwrap();
    if non_standard {
        facts.non_standard.push(NonStandard::NoIndex);
    }
    facts
}

fn enrich(facts: &mut SourceFacts) {
    facts.chapters = 2;
    facts.subtitles = vec![SubtitleFacts {
        stream: 3,
        codec: "subrip".into(),
        language: Some("en".into()),
        title: None,
        default: true,
        forced: false,
        packets: 2,
    }];
    let second = facts.audio.first().cloned().map(|track| AudioFacts {
        stream: 2,
        language: Some("de".into()),
        default: false,
        ..track
    });
    facts.audio.extend(second);
}

fn source() -> StoredSource {
    StoredSource {
        bucket: "videos".into(),
        key: "v/source/original.mp4".into(),
        bytes: 1,
        etag: None,
    }
}

#[activities]
impl Stage {
    #[activity(definition = begin_video::Activity)]
    async fn begin_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: begin_video::Input,
    ) -> Result<(), ActivityError> {
        self.play(begin_video::NAME, &ctx, input.video, ()).await
    }

    #[activity(definition = download_source::Activity)]
    async fn download_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: download_source::Input,
    ) -> Result<StoredSource, ActivityError> {
        self.play(download_source::NAME, &ctx, input.video, source()).await
    }

    #[activity(definition = probe_source::Activity)]
    async fn probe_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: probe_source::Input,
    ) -> Result<SourceFacts, ActivityError> {
        let script = self.script(input.video);
        let rewritten = script.called().contains(&normalize_source::NAME);
        let mut facts = facts(script.non_standard && !rewritten);
        if script.rich {
            enrich(&mut facts);
        }
        self.play(probe_source::NAME, &ctx, input.video, facts).await
    }

    #[activity(definition = normalize_source::Activity)]
    async fn normalize_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: normalize_source::Input,
    ) -> Result<normalize_source::Output, ActivityError> {
        let made = normalize_source::Output {
            source: source(),
            decoded: self.script(input.video).rewritten,
        };
        self.play(normalize_source::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = encode_audio::Activity)]
    async fn encode_audio(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: encode_audio::Input,
    ) -> Result<encode_audio::Output, ActivityError> {
        let made = encode_audio::Output {
            decode_errors: 0,
            bytes: 1,
            reused: false,
            decoded: self.script(input.video).sound,
        };
        let fails = self.script(input.video).fails;
        if let (Some(("second track", code)), 1) = (fails, input.plan.track) {
            return Err(failure(code, true));
        }
        self.play(encode_audio::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = transcode_chunk::Activity)]
    async fn transcode_chunk(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: transcode_chunk::Input,
    ) -> Result<transcode_chunk::Output, ActivityError> {
        self.edit(input.video, |script| {
            script.in_flight.0 += 1;
            script.in_flight.1 = script.in_flight.1.max(script.in_flight.0);
        });
        let bytes = 1 + self.script(input.video).chunk_bytes;
        let frames = input.plan.chunk(input.chunk);
        let frames = frames.end - frames.start;
        let made = transcode_chunk::Output {
            chunk: input.chunk,
            frames,
            decoded: frames,
            decode_errors: 0,
            bytes,
            reused: false,
        };
        let result = self.play(transcode_chunk::NAME, &ctx, input.video, made).await;
        self.edit(input.video, |script| script.in_flight.0 -= 1);
        result
    }

    #[activity(definition = package_video::Activity)]
    async fn package_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: package_video::Input,
    ) -> Result<package_video::Output, ActivityError> {
        let made = package_video::Output { playlists: 1, segments: 1 };
        self.play(package_video::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = verify_video::Activity)]
    async fn verify_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: verify_video::Input,
    ) -> Result<verify_video::Output, ActivityError> {
        let frames = input.plan.video.as_ref().map_or(0, |video| video.grid.frames);
        let checked = verify_video::Output {
            outputs: Outputs { frames, master: self.padding(input.video), ..Outputs::default() },
            master: Master::default(),
            decoded: frames - self.script(input.video).lost,
            decode_errors: 0,
            damaged: 0,
        };
        self.play(verify_video::NAME, &ctx, input.video, checked).await
    }

    #[activity(definition = publish_video::Activity)]
    async fn publish_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: publish_video::Input,
    ) -> Result<(), ActivityError> {
        self.edit(input.video, |script| {
            script.master = input.master;
            script.base = input.base;
        });
        self.play(publish_video::NAME, &ctx, input.video, ()).await
    }

    #[activity(definition = export_video::Activity)]
    async fn export_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: export_video::Input,
    ) -> Result<export_video::Output, ActivityError> {
        let master = format!("{}/master.m3u8", input.export.outputs);
        let made = ExportOutput { master, playlist: input.base, ..ExportOutput::default() };
        self.play(export_video::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = clean_up::Activity)]
    async fn clean_up(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: clean_up::Input,
    ) -> Result<u64, ActivityError> {
        self.edit(input.video, |script| script.cleaned.push(input.after));
        self.play(clean_up::NAME, &ctx, input.video, 0).await
    }

    #[activity(definition = record_outcome::Activity)]
    async fn record_outcome(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: record_outcome::Input,
    ) -> Result<record_outcome::Output, ActivityError> {
        self.edit(input.video, |script| script.outcomes.push(input.outcome));
        let due = self
            .script(input.video)
            .webhook
            .then_some(record_outcome::Due::Id(DeliveryId(input.video.0)));
        self.play(record_outcome::NAME, &ctx, input.video, due).await
    }

    /// The message of a video has its id.
    #[activity(definition = deliver_webhook::Activity)]
    async fn deliver_webhook(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: deliver_webhook::Input,
    ) -> Result<(), ActivityError> {
        self.play(deliver_webhook::NAME, &ctx, VideoId(input.delivery.0), ()).await
    }

    #[activity(definition = choose_encoder::Activity)]
    async fn choose_encoder(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: choose_encoder::Input,
    ) -> Result<choose_encoder::Output, ActivityError> {
        let made = choose_encoder::Output { encoder: Encoder::X264, reason: "scripted".into() };
        self.play(choose_encoder::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = render_watermark::Activity)]
    async fn render_watermark(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: render_watermark::Input,
    ) -> Result<render_watermark::Output, ActivityError> {
        let made = Watermark { position: input.option.position, marks: vec![] };
        self.play(render_watermark::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = measure_loudness::Activity)]
    async fn measure_loudness(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: measure_loudness::Input,
    ) -> Result<measure_loudness::Output, ActivityError> {
        let made = Some(Loudness {
            target: input.target,
            integrated: -23.0,
            true_peak: -3.0,
            range: 5.0,
            threshold: -33.0,
            offset: 0.1,
        });
        self.play(measure_loudness::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = make_thumbnail::Activity)]
    async fn make_thumbnail(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_thumbnail::Input,
    ) -> Result<make_thumbnail::Output, ActivityError> {
        let made = ThumbnailOutput {
            image: "thumbnails/v/thumbnail.jpg".into(),
            width: 640,
            height: 360,
            at_seconds: Some(1.0),
            sizes: vec![],
        };
        self.play(make_thumbnail::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = make_sprites::Activity)]
    async fn make_sprites(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_sprites::Input,
    ) -> Result<make_sprites::Output, ActivityError> {
        let made = SpritesOutput { vtt: "v/sprites.vtt".into(), pictures: 1, sheets: 1 };
        self.play(make_sprites::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = make_waveform::Activity)]
    async fn make_waveform(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_waveform::Input,
    ) -> Result<make_waveform::Output, ActivityError> {
        let made = WaveformOutput { json: "v/w.json".into(), image: "v/w.png".into() };
        self.play(make_waveform::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = make_chapters::Activity)]
    async fn make_chapters(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_chapters::Input,
    ) -> Result<make_chapters::Output, ActivityError> {
        let made = ChaptersOutput {
            vtt: "v/c.vtt".into(),
            json: "v/c.json".into(),
            count: 2,
            from_source: true,
        };
        self.play(make_chapters::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = extract_subtitles::Activity)]
    async fn extract_subtitles(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: extract_subtitles::Input,
    ) -> Result<extract_subtitles::Output, ActivityError> {
        let track = SubtitleOutput {
            name: "subtitles-0".into(),
            label: "English".to_owned() + &self.padding(input.video),
            language: Some("en".into()),
            default: true,
            forced: false,
            playlist: "v/s.m3u8".into(),
            cues: 1,
        };
        let made = extract_subtitles::Output { tracks: vec![track], warnings: vec![] };
        self.play(extract_subtitles::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = make_mezzanine::Activity)]
    async fn make_mezzanine(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_mezzanine::Input,
    ) -> Result<make_mezzanine::Output, ActivityError> {
        let made = MezzanineOutput { file: "mezzanine/v/mezzanine.mp4".into(), bytes: 1 };
        self.play(make_mezzanine::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = make_mp4::Activity)]
    async fn make_mp4(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_mp4::Input,
    ) -> Result<make_mp4::Output, ActivityError> {
        let made = Mp4Output { name: input.rung, file: "v/a.mp4".into(), bytes: 1 };
        self.play(make_mp4::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = make_preview::Activity)]
    async fn make_preview(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: make_preview::Input,
    ) -> Result<make_preview::Output, ActivityError> {
        let made = PreviewOutput {
            playlist: "v/preview.m3u8".into(),
            start_seconds: 6.0,
            duration_seconds: 30.0,
        };
        self.play(make_preview::NAME, &ctx, input.video, made).await
    }

    #[activity(definition = delete_video::Activity)]
    async fn delete_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: delete_video::Input,
    ) -> Result<u64, ActivityError> {
        self.play(delete_video::NAME, &ctx, input.video, 3).await
    }
}
