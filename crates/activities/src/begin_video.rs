//! Marks a video as being transcoded. Run twice, the second run finds it marked.
//!
//! Nothing is done for a workflow before this has agreed: it goes on only with a job that we made, under
//! the name that we give it. An attempt that the catalogue has already closed, as cancelled or as never
//! started, must not go on either: its end has been reported. Neither must one at a video that was
//! deleted.

use catalog::Moved;
use contract::{
    ErrorCode,
    begin_video::{Input, Output},
};

use crate::{Deps, failure::Error};

/// `workflow` is the id of the workflow that asks.
pub(crate) async fn run(deps: &Deps, workflow: &str, input: Input) -> Result<Output, Error> {
    if !is_ours(deps, workflow, &input) {
        tracing::error!(video = %input.video, workflow, "a workflow that we did not start is refused");
        return Err(Error::Unauthorized("this video"));
    }
    let begun = match deps.catalog.begin(input.video, input.attempt).await {
        Err(catalog::Error::NotFound { .. }) => {
            return Err(Error::media(ErrorCode::Cancelled, "the video was deleted"));
        }
        begun => begun?,
    };
    match begun {
        Moved::Moved | Moved::Already => Ok(()),
        Moved::Refused { status, attempt } => {
            let message =
                format!("the video is {status} (attempt {attempt}); this attempt is over");
            Err(Error::media(ErrorCode::Cancelled, message))
        }
    }
}

/// A copy of a job under another name would run beside the video it was copied from.
fn is_ours(deps: &Deps, workflow: &str, input: &Input) -> bool {
    input.job.as_deref().is_some_and(|job| {
        deps.catalog.vouches_for(job)
            && (job.video, job.attempt) == (input.video, input.attempt)
            && workflow == job.video.workflow_id(job.attempt)
    })
}

#[cfg(test)]
mod tests {
    use catalog::NewVideo;
    use contract::{Source, Status, video};
    use media::{options::Options, plan::Limits};

    use super::*;
    use crate::studio::Studio;

    #[tokio::test]
    async fn only_the_job_that_we_made_begins_under_its_own_name() {
        let studio = Studio::open().await;
        let catalog = &studio.deps.catalog;
        let source = Source::Url { url: "http://example.com/a.mp4".into() };
        catalog.insert(NewVideo::new(studio.video, "default", source.clone())).await.unwrap();
        let bare = video::Input {
            video: studio.video,
            attempt: 1,
            tenant: "default".into(),
            source,
            options: Options::default(),
            limits: Limits::default(),
            export: None,
            mac: None,
        };
        let ours = catalog.vouch(bare.clone()).unwrap();
        let asked =
            |job: video::Input| Input { video: studio.video, attempt: 1, job: Some(Box::new(job)) };
        let own = studio.video.workflow_id(1);
        let file = Source::File { path: "/etc/passwd".into() };
        for (workflow, input) in [
            (&*own, Input { job: None, ..asked(bare.clone()) }),
            (&own, asked(bare)),
            (&own, asked(video::Input { source: file, ..ours.clone() })),
            (&own, Input { attempt: 2, ..asked(ours.clone()) }),
            ("video-copy", asked(ours.clone())),
        ] {
            let refused = run(&studio.deps, workflow, input).await.unwrap_err();
            assert_eq!(refused.code(), ErrorCode::Unauthorized, "{refused}");
            assert!(!refused.is_transient());
        }
        assert_eq!(catalog.get(studio.video).await.unwrap().unwrap().status, Status::Uploaded);
        run(&studio.deps, &own, asked(ours)).await.unwrap();
        assert_eq!(catalog.get(studio.video).await.unwrap().unwrap().status, Status::Transcoding);
    }
}
