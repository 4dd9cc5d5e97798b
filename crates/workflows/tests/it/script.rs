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
    Outputs, StoredSource, VideoId, begin_video, clean_up, completion::Outcome, download_source,
    encode_audio, normalize_source, package_video, probe_source, publish_video, record_outcome,
    transcode_chunk, verify_video,
};
use media::source::{NonStandard, SourceFacts};
use temporalio_macros::activities;
use temporalio_sdk::{
    ApplicationFailure,
    activities::{ActivityContext, ActivityError},
};

/// What the activities of one video do, and what they were asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    /// The activity that fails for good, and its code.
    pub(crate) fails: Option<(&'static str, &'static str)>,
    /// Every activity does its work, fails, and is run again.
    pub(crate) twice: bool,
    /// The probe finds a non-standard source first.
    pub(crate) non_standard: bool,
    /// Pictures the decoders lose.
    pub(crate) lost: u64,
    /// Chunks never end by themselves.
    pub(crate) stuck: bool,
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

    fn edit<T>(&self, video: VideoId, change: impl FnOnce(&mut Script) -> T) -> T {
        change(self.0.lock().unwrap().entry(video).or_default())
    }

    fn play<T>(
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

fn source() -> StoredSource {
    StoredSource {
        bucket: "videos".into(),
        key: "v/source/original.mp4".into(),
        bytes: 1,
        etag: None,
    }
}

#[expect(clippy::unused_async, reason = "activities are async")]
#[activities]
impl Stage {
    #[activity(definition = begin_video::Activity)]
    async fn begin_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: begin_video::Input,
    ) -> Result<(), ActivityError> {
        self.play(begin_video::NAME, &ctx, input.video, ())
    }

    #[activity(definition = download_source::Activity)]
    async fn download_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: download_source::Input,
    ) -> Result<StoredSource, ActivityError> {
        self.play(download_source::NAME, &ctx, input.video, source())
    }

    #[activity(definition = probe_source::Activity)]
    async fn probe_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: probe_source::Input,
    ) -> Result<SourceFacts, ActivityError> {
        let script = self.script(input.video);
        let rewritten = script.called().contains(&normalize_source::NAME);
        self.play(probe_source::NAME, &ctx, input.video, facts(script.non_standard && !rewritten))
    }

    #[activity(definition = normalize_source::Activity)]
    async fn normalize_source(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: normalize_source::Input,
    ) -> Result<StoredSource, ActivityError> {
        self.play(normalize_source::NAME, &ctx, input.video, source())
    }

    #[activity(definition = encode_audio::Activity)]
    async fn encode_audio(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: encode_audio::Input,
    ) -> Result<encode_audio::Output, ActivityError> {
        let made = encode_audio::Output { decode_errors: 0, bytes: 1, reused: false };
        self.play(encode_audio::NAME, &ctx, input.video, made)
    }

    #[activity(definition = transcode_chunk::Activity)]
    async fn transcode_chunk(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: transcode_chunk::Input,
    ) -> Result<transcode_chunk::Output, ActivityError> {
        let stuck = self.edit(input.video, |script| {
            script.in_flight.0 += 1;
            script.in_flight.1 = script.in_flight.1.max(script.in_flight.0);
            script.stuck
        });
        let frames = input.plan.chunk(input.chunk);
        let frames = frames.end - frames.start;
        let made = transcode_chunk::Output {
            chunk: input.chunk,
            frames,
            decoded: frames,
            decode_errors: 0,
            bytes: 1,
            reused: false,
        };
        let result = self.play(transcode_chunk::NAME, &ctx, input.video, made);
        while stuck && !ctx.is_cancelled() {
            ctx.record_heartbeat(()).await?;
            tokio::select! {
                () = ctx.cancelled() => {}
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
        }
        self.edit(input.video, |script| script.in_flight.0 -= 1);
        if stuck { Err(ActivityError::cancelled()) } else { result }
    }

    #[activity(definition = package_video::Activity)]
    async fn package_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: package_video::Input,
    ) -> Result<package_video::Output, ActivityError> {
        let made = package_video::Output { playlists: 1, segments: 1 };
        self.play(package_video::NAME, &ctx, input.video, made)
    }

    #[activity(definition = verify_video::Activity)]
    async fn verify_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: verify_video::Input,
    ) -> Result<verify_video::Output, ActivityError> {
        let frames = input.plan.video.as_ref().map_or(0, |video| video.grid.frames);
        let checked = verify_video::Output {
            outputs: Outputs { frames, ..Outputs::default() },
            master: "#EXTM3U\n".into(),
            decoded: frames - self.script(input.video).lost,
            decode_errors: 0,
        };
        self.play(verify_video::NAME, &ctx, input.video, checked)
    }

    #[activity(definition = publish_video::Activity)]
    async fn publish_video(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: publish_video::Input,
    ) -> Result<(), ActivityError> {
        self.play(publish_video::NAME, &ctx, input.video, ())
    }

    #[activity(definition = clean_up::Activity)]
    async fn clean_up(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: clean_up::Input,
    ) -> Result<u64, ActivityError> {
        self.edit(input.video, |script| script.cleaned.push(input.after));
        self.play(clean_up::NAME, &ctx, input.video, 0)
    }

    #[activity(definition = record_outcome::Activity)]
    async fn record_outcome(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: record_outcome::Input,
    ) -> Result<(), ActivityError> {
        self.edit(input.video, |script| script.outcomes.push(input.outcome));
        self.play(record_outcome::NAME, &ctx, input.video, ())
    }
}
