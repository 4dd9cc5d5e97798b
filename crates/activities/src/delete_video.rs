//! Removes every object of a video, and at last its row, or only notes on it that its files expired.
//! Run twice, the second run finds nothing. Without the code that shows that we asked for it, nothing is
//! removed; the reconciler starts such a workflow again.
//!
//! A video that is still being stopped writes objects until its workflow has reported its end, so
//! until then this fails, to be tried again; so does whatever else is in the way, as nobody else would
//! ever remove the objects. The catalogue's answer that the objects may go is at the
//! same time its promise that the video does not begin again.

use catalog::{Claim, Removal};
use contract::delete_video::{Input, Output};

use crate::{Deps, clean_up, download_source, failure::Error};

pub(crate) async fn run(deps: &Deps, input: Input) -> Result<Output, Error> {
    if !deps.catalog.vouches_for(&input) {
        tracing::error!(video = %input.video, "a removal that we did not start is refused");
        return Err(Error::Unauthorized("this removal"));
    }
    remove(deps, input).await.map_err(|error| Error::NotRemoved(Box::new(error)))
}

async fn remove(deps: &Deps, input: Input) -> Result<Output, Error> {
    let removal = match deps.catalog.claim_removal(input.video).await? {
        Claim::Gone | Claim::Granted(Removal::Expired) => return Ok(0),
        Claim::StillRunning(status) => return Err(Error::StillRunning { status }),
        Claim::Granted(removal) => removal,
    };
    deps.scratch.forget(&download_source::folder_name(input.video))?;
    let removed = clean_up::remove_all(deps, input.video).await?;
    // The whole video may have been deleted while its files were being removed.
    if removal == Removal::Files && deps.catalog.files_removed(input.video).await? {
        return Ok(removed);
    }
    deps.catalog.delete(input.video).await?;
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use catalog::{Catalog, NewVideo, Private, Secret, Vault, Webhook, WebhookFormat};
    use contract::{
        Event, Source, Status,
        completion::{self, Outcome},
    };
    use storage::{Bucket, Object};

    use super::*;
    use crate::studio::Studio;

    #[tokio::test]
    async fn whatever_is_in_the_way_a_removal_is_tried_again() {
        let mut studio = Studio::open().await;
        let webhook = Webhook {
            url: Secret::new("https://example.com/hook"),
            secret: None,
            events: Event::ALL.to_vec(),
            format: WebhookFormat::Standard,
        };
        let source = Source::Url { url: "http://example.com/a.mp4".into() };
        let new = NewVideo {
            private: Private { webhook: Some(webhook), stores: None },
            ..NewVideo::new(studio.video, "default", source)
        };
        let (video, right) = (studio.video, studio.deps.catalog.clone());
        right.insert(new).await.unwrap();
        let object = Object::new(Bucket::Videos, format!("{video}/source/original.mp4")).unwrap();
        studio.deps.store.put_bytes(&object, &b"media"[..]).await.unwrap();
        let delete = async |deps: &Deps| {
            run(deps, deps.catalog.vouch(Input { video, mac: None }).unwrap()).await
        };
        let forged = run(&studio.deps, Input { video, mac: None }).await.unwrap_err();
        assert!(!forged.is_transient(), "{forged}");
        let running = delete(&studio.deps).await.unwrap_err();
        assert!(running.is_transient(), "{running}");
        let end = completion::Input { video, attempt: 1, outcome: Outcome::Cancelled };
        right.finish(&end).await.unwrap();
        // A worker with another key cannot read the record.
        let database = catalog::sqlite_url(&studio.folder.path().join("catalog.db")).unwrap();
        let vault = Vault::ephemeral().unwrap();
        studio.deps.catalog = Catalog::open(&database, vault).await.unwrap();
        let unreadable = delete(&studio.deps).await.unwrap_err();
        assert!(unreadable.is_transient(), "{unreadable}");
        assert_eq!(right.get(video).await.unwrap().unwrap().status, Status::Cancelled);
        studio.deps.catalog = right.clone();
        assert_eq!(delete(&studio.deps).await.unwrap(), 1);
        assert_eq!(right.get(video).await.unwrap(), None);
        assert_eq!(delete(&studio.deps).await.unwrap(), 0);
    }
}
