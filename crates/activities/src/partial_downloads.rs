//! Removes partial downloads that no attempt will continue, on the machine where they are.
//!
//! What ends a video, a clean-up or a deletion, runs on any worker; a partial download is on the disk
//! of one. So each worker looks through its own.

use std::{convert::Infallible, time::Duration};

use catalog::Video;
use contract::{Status, VideoId};

use crate::{
    Deps, download_source,
    failure::{Error, chain},
};

/// How often a worker looks.
const EVERY: Duration = Duration::from_mins(10);
/// A folder that changed later than this ago is left alone: its attempt may just be stopping.
const QUIET: Duration = Duration::from_mins(1);

/// Runs until cancelled, next to the worker.
pub async fn keep_swept(deps: &Deps, keep: Duration) -> Infallible {
    let mut tick = tokio::time::interval(EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match sweep(deps, QUIET, keep).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "partial downloads were of no more use"),
            Err(error) => tracing::warn!(error = chain(&error), "cannot sweep partial downloads"),
        }
    }
}

/// Removes the partial downloads of videos that are gone or finished, and those nobody has written to
/// for `keep`; answers how many. None that changed in the last `quiet` goes.
async fn sweep(deps: &Deps, quiet: Duration, keep: Duration) -> Result<u64, Error> {
    let mut removed = 0;
    for (name, age) in deps.scratch.kept()? {
        let Some(video) = download_source::video_of(&name) else { continue };
        if age < quiet || (age < keep && is_wanted(deps, video).await?) {
            continue;
        }
        deps.scratch.forget(&name)?;
        removed += 1;
    }
    Ok(removed)
}

/// Whether an attempt may continue what was downloaded for a video. An unreadable record may still
/// be repaired.
async fn is_wanted(deps: &Deps, video: VideoId) -> Result<bool, Error> {
    match deps.catalog.get(video).await {
        Ok(None | Some(Video { status: Status::Ready, .. } | Video { removal: Some(_), .. })) => {
            Ok(false)
        }
        Err(error) if error.is_transient() => Err(error.into()),
        Ok(Some(_)) | Err(_) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use catalog::NewVideo;
    use contract::{
        ErrorCode, Failure, Source,
        completion::{Input, Outcome},
        video::Output,
    };
    use uuid::Uuid;

    use super::*;
    use crate::studio::Studio;

    /// Adds a video that has come this far, with a partial download.
    async fn partial(studio: &Studio, outcome: Option<Outcome>) -> VideoId {
        let video = VideoId(Uuid::now_v7());
        let source = Source::Url { url: "http://example.com/a.mp4".into() };
        studio.deps.catalog.insert(NewVideo::new(video, "default", source)).await.unwrap();
        studio.deps.catalog.begin(video, 1).await.unwrap();
        if let Some(outcome) = outcome {
            let end = Input { video, attempt: 1, outcome };
            studio.deps.catalog.finish(&end).await.unwrap();
        }
        let folder = studio.deps.scratch.resumable(&download_source::folder_name(video)).unwrap();
        fs_err::write(folder.join("source.part"), "half").unwrap();
        video
    }

    fn left(studio: &Studio) -> Vec<VideoId> {
        let kept = studio.deps.scratch.kept().unwrap();
        let mut left: Vec<_> =
            kept.iter().filter_map(|(name, _)| download_source::video_of(name)).collect();
        left.sort();
        left
    }

    #[tokio::test]
    async fn partial_downloads_go_when_no_attempt_will_use_them() {
        let studio = Studio::open().await;
        let output = Output {
            source: contract::SourceSummary::default(),
            outputs: contract::Outputs::default(),
            warnings: vec![],
        };
        let failure = Failure { code: ErrorCode::SourceUnavailable, message: "gone".into() };
        let failed = Outcome::Failed { failure, warnings: vec![] };
        let running = partial(&studio, None).await;
        let can_be_retried = partial(&studio, Some(failed.clone())).await;
        partial(&studio, Some(Outcome::Ready(Box::new(output)))).await;
        let deleted = partial(&studio, Some(failed.clone())).await;
        studio.deps.catalog.delete(deleted).await.unwrap();
        let deleting = partial(&studio, Some(failed)).await;
        studio.deps.catalog.ask_removal(deleting).await.unwrap();
        studio.deps.scratch.resumable("something-else").unwrap();
        let (hour, none) = (Duration::from_hours(1), Duration::ZERO);
        assert_eq!(sweep(&studio.deps, hour, hour).await.unwrap(), 0, "all have just changed");
        assert_eq!(sweep(&studio.deps, none, hour).await.unwrap(), 3);
        assert_eq!(left(&studio), [running, can_be_retried]);
        assert_eq!(
            sweep(&studio.deps, none, none).await.unwrap(),
            2,
            "too old, whatever it is for"
        );
        let kept = studio.deps.scratch.kept().unwrap();
        assert_eq!(kept.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), ["something-else"]);
    }
}
